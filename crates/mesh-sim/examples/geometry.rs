//! Prints the geometry of the lunar base mission: sun, contacts, blackout.
//!
//!     cargo run -p mesh-sim --example geometry

use mesh_adapters::AdapterSettings;
use mesh_sim::{Almanac, Contact, LinkBook, Scenario};

fn main() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    for (id, settings) in almanac.all_settings() {
        println!("{id}");
        match settings {
            AdapterSettings::Habitat(_, forecast) => {
                println!("  sun    {}", row(&forecast.sun_share));
                println!("  relay  {}", row(&forecast.relay_share));
            }
            AdapterSettings::Rover(_, forecast) => {
                println!("  docked {}", row(&forecast.docked_share));
                println!("  site   {}", row(&forecast.site_share));
                println!("  relay  {}", row(&forecast.relay_share));
                println!("  legs   {:?}", forecast.legs);
                if let Some((blackout, overlap_s)) = almanac.blackout(id) {
                    println!("  blackout {}, the habitat sees the relay for {overlap_s} s of it", span(&blackout));
                }
            }
            AdapterSettings::Satellite(_, forecast) => {
                println!("  sun    {}", row(&forecast.sun_share));
                println!("  earth  {}", row(&forecast.earth_share));
            }
        }
    }
    for (link, contacts) in LinkBook::new(&scenario, &almanac).links() {
        let spans: Vec<String> = contacts.iter().map(span).collect();
        println!("{} - {}: {}", link.a, link.b, spans.join(", "));
    }
}

/// One character a step: the share in tenths, `#` for all of it.
fn row(shares: &[f64]) -> String {
    let mark = |share: &f64| if *share >= 0.999 { '#' } else { char::from(b'0' + (share * 10.0) as u8) };
    shares.iter().map(mark).collect()
}

fn span(contact: &Contact) -> String {
    let hours = |seconds: u64| format!("{:.2} h", seconds as f64 / 3600.0);
    format!("{} to {}", hours(contact.from_s), hours(contact.until_s))
}

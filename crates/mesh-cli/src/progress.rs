//! What a person sees while a mission is flown: a few lines that stay in place on a terminal, plain lines elsewhere.

use crate::interrupt::Interrupt;
use crate::logging;
use crate::output::{self, InPlace};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mesh_adapters::Telemetry;
use mesh_asset::Event;
use mesh_model::{AssetId, Epoch, MissionTime};
use mesh_node::Observer;
use mesh_node::processes::{ProcessEvent, ProcessObserver};
use mesh_sim::Scenario;
use mesh_sim::fleet::FleetEvent;
use mesh_sim::journal::LinkChange;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
#[cfg(feature = "bench")]
use std::time::{Duration, Instant};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lines that stay in place if stderr is a terminal, plain lines otherwise.
    Lines,
    /// Nothing.
    Silent,
}

/// Shows a flight and passes on the wish to end it.
pub struct Progress {
    interrupt: Interrupt,
    display: Display,
    assets: BTreeMap<AssetId, AssetLine>,
    links_up: BTreeSet<(AssetId, AssetId)>,
    links: usize,
}

enum Display {
    Silent,
    Plain,
    Terminal(Bars),
}

/// The lines on a terminal.
struct Bars {
    _in_place: InPlace,
    clock: ProgressBar,
    assets: BTreeMap<AssetId, ProgressBar>,
    negotiation: ProgressBar,
    links: ProgressBar,
}

/// What is known of an asset.
#[derive(Default)]
struct AssetLine {
    capacity_kwh: f64,
    soc_kwh: Option<f64>,
    epoch: String,
    plans: u32,
    /// When it lost its last link, unless it has one.
    alone_since: Option<MissionTime>,
}

impl Progress {
    /// Shows a flight of `scenario`.
    pub fn new(scenario: &Scenario, mode: Mode, interrupt: Interrupt) -> Self {
        let display = match mode {
            Mode::Silent => Display::Silent,
            Mode::Lines if std::io::stderr().is_terminal() => Display::Terminal(Bars::new(scenario)),
            Mode::Lines => Display::Plain,
        };
        let line = |asset: &mesh_sim::scenario::Asset| {
            let capacity_kwh = asset.kind.battery().capacity_kwh;
            (asset.id.clone(), AssetLine { capacity_kwh, ..AssetLine::default() })
        };
        let mut assets: BTreeMap<AssetId, AssetLine> = scenario.assets.iter().map(line).collect();
        assets.insert(scenario.planner.id.clone(), AssetLine::default());
        Self { interrupt, display, assets, links_up: BTreeSet::new(), links: scenario.links.len() }
    }

    /// Takes the lines off the terminal.
    pub fn finish(self) {
        if let Display::Terminal(bars) = self.display {
            bars.clear();
        }
    }

    fn clock(&mut self, now: MissionTime, telemetry: &BTreeMap<AssetId, Telemetry>) {
        for (id, line) in &mut self.assets {
            line.soc_kwh = telemetry.get(id).map(soc_kwh);
        }
        let Display::Terminal(bars) = &self.display else { return };
        bars.clock.set_position(now.whole_s());
        bars.clock.set_message(now.to_string());
        self.refresh(bars);
    }

    fn refresh(&self, bars: &Bars) {
        for (id, bar) in &bars.assets {
            bar.set_message(self.described(id));
        }
    }

    fn link(&mut self, now: MissionTime, change: &LinkChange) {
        let ends = (change.a.clone(), change.b.clone());
        if change.up {
            self.links_up.insert(ends)
        } else {
            self.links_up.remove(&ends)
        };
        match &self.display {
            Display::Silent => {}
            Display::Plain => {
                let state = if change.up { "up" } else { "down" };
                output::note(format_args!("{now} link {} - {} {state}", change.a, change.b));
            }
            Display::Terminal(bars) => {
                let up = self.links_up.iter().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(" ");
                bars.links.set_message(format!("{} of {} up: {up}", self.links_up.len(), self.links));
                bars.clock.set_position(now.whole_s());
                bars.clock.set_message(now.to_string());
                self.refresh(bars);
            }
        }
        for id in [&change.a, &change.b] {
            self.contact(now, id, change.up);
        }
    }

    /// Tells when an asset has lost its last link, and when it has the first again.
    fn contact(&mut self, now: MissionTime, id: &AssetId, up: bool) {
        let contacts = self.contacts(id);
        let Some(line) = self.assets.get_mut(id) else { return };
        let text = match (up, contacts, line.alone_since) {
            (false, 0, _) => {
                line.alone_since = Some(now);
                format!("{id} is on its own")
            }
            (true, 1, Some(since)) => {
                line.alone_since = None;
                format!("{id} is in contact again after {} h", MissionTime::from_s(now.since_s(since) as u64))
            }
            _ => return,
        };
        self.say(now, &text);
    }

    fn contacts(&self, id: &AssetId) -> usize {
        self.links_up.iter().filter(|(a, b)| a == id || b == id).count()
    }

    fn asset(&mut self, now: MissionTime, id: &AssetId, event: &Event) {
        let text = match event {
            Event::Round { epoch, round, primal, dual, gap } => {
                if let Display::Terminal(bars) = &self.display {
                    let gap = gap.map_or("-".to_owned(), |gap| format!("{gap:.1e}"));
                    bars.negotiation.set_message(format!(
                        "plan {}.{} round {}: residuals primal {primal:.1e} dual {dual:.1e}, certified gap {gap}",
                        epoch.plan,
                        epoch.number,
                        round + 1
                    ));
                }
                return;
            }
            Event::Opened { .. } => return,
            Event::Adopted(plan) => {
                self.adopted(id, &plan.epoch);
                return;
            }
            Event::Certified { certificate, .. } => {
                // The planner adopts by certifying.
                self.adopted(id, &certificate.epoch);
                format!(
                    "plan {}.{} agreed by {}: {} rounds, cost {:.3}, gap {:.1e}",
                    certificate.epoch.plan,
                    certificate.epoch.number,
                    certificate.attestations.iter().map(|one| one.asset.as_str()).collect::<Vec<_>>().join(", "),
                    certificate.round + 1,
                    certificate.upper.value(),
                    certificate.gap.value()
                )
            }
            Event::GivenUp { epoch, rounds } => {
                format!("plan {}.{} given up by {id} after {rounds} rounds", epoch.plan, epoch.number)
            }
            Event::Unable { why } => format!("{id} cannot take part: {why}"),
            Event::Equivocation { author, sequence } => {
                format!("{author} signed two entries with number {sequence}, says {id}")
            }
        };
        self.say(now, &text);
    }

    fn adopted(&mut self, id: &AssetId, epoch: &Epoch) {
        let epoch = format!("{}.{}", epoch.plan, epoch.number);
        // A vehicle that holds the planner role certifies the plan, and adopts it as everybody does.
        if let Some(line) = self.assets.get_mut(id).filter(|line| line.epoch != epoch) {
            line.epoch = epoch;
            line.plans += 1;
        }
    }

    fn say(&self, now: MissionTime, text: &str) {
        match &self.display {
            Display::Silent => {}
            Display::Plain => output::note(format_args!("{now} {text}")),
            Display::Terminal(bars) => bars.clock.println(format!("{now} {text}")),
        }
    }

    /// Says something that has no mission time.
    fn say_at_once(&self, text: &str) {
        match &self.display {
            Display::Silent => {}
            Display::Plain => output::note(text),
            Display::Terminal(bars) => bars.clock.println(text),
        }
    }

    fn described(&self, id: &AssetId) -> String {
        let Some(line) = self.assets.get(id) else { return String::new() };
        let battery = match line.soc_kwh {
            Some(soc) => {
                format!("battery {soc:7.2} kWh ({:3.0} %)", 100.0 * soc / line.capacity_kwh.max(f64::MIN_POSITIVE))
            }
            None => "no battery              ".to_owned(),
        };
        let contacts = self.contacts(id);
        let epoch = if line.epoch.is_empty() { "-" } else { &line.epoch };
        format!("{battery}  links {contacts}  epoch {epoch}  plans {}", line.plans)
    }
}

impl Observer for Progress {
    fn observe(&mut self, now: MissionTime, event: &FleetEvent<'_>) {
        match event {
            FleetEvent::Clock(telemetry) => self.clock(now, telemetry),
            FleetEvent::Link(change) => self.link(now, change),
            FleetEvent::Asset(id, event) => self.asset(now, id, event),
            FleetEvent::Refused(..) => {}
        }
    }

    fn stop_requested(&mut self) -> bool {
        self.interrupt.is_requested()
    }
}

impl ProcessObserver for Progress {
    fn process(&mut self, event: &ProcessEvent<'_>) {
        match event {
            ProcessEvent::Router(endpoint) => tracing::info!(endpoint, "the local plane is up"),
            ProcessEvent::Line(name, text) => logging::forward(name, text),
            ProcessEvent::Awaited(asset, arguments) => {
                let line = arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
                output::note(format_args!("start {asset} by: cosmosmesh {line}"));
            }
            ProcessEvent::Ended(name, how, Some(delay)) => {
                self.say_at_once(&format!("{name} {how}; it is started again in {} ms", delay.as_millis()));
            }
            // The supervisor itself notes starts and ends.
            ProcessEvent::Started(..) | ProcessEvent::Ended(_, _, None) => {}
            ProcessEvent::GaveUp(name, why, _) => {
                self.say_at_once(&format!("{name} is not started again: {why}"));
            }
            ProcessEvent::Lost(now, asset) => self.say(*now, &format!("{asset} does not answer; on without it")),
            ProcessEvent::Found(now, asset) => self.say(*now, &format!("{asset} is back")),
        }
    }
}

impl Bars {
    fn new(scenario: &Scenario) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S));
        let duration_s = u64::from(scenario.timing.duration_s);
        let clock = screen.add(ProgressBar::new(duration_s).with_style(style("{prefix:>12} {wide_bar} {msg}")));
        clock.set_prefix("mission");
        let line = |prefix: &str| {
            let bar = screen.add(ProgressBar::new(0).with_style(style("{prefix:>12} {wide_msg}")));
            bar.set_prefix(prefix.to_owned());
            bar
        };
        let members = scenario.contract().members;
        let assets = members.into_iter().map(|id| (id.clone(), line(id.as_str()))).collect();
        let (negotiation, links) = (line("negotiation"), line("links"));
        Self { clock, assets, negotiation, links, _in_place: InPlace::new(&screen) }
    }

    fn clear(self) {
        self.clock.finish_and_clear();
        for bar in self.assets.values().chain([&self.negotiation, &self.links]) {
            bar.finish_and_clear();
        }
    }
}

/// Something that takes a moment or longer, shown while it does: in a line that stays in place on a terminal, in a plain
/// line now and then elsewhere.
#[cfg(feature = "bench")]
pub struct Spinner {
    line: ProgressBar,
    plain: Option<Plainly>,
    _in_place: InPlace,
}

/// When a plain line was printed last.
#[cfg(feature = "bench")]
struct Plainly {
    last: std::cell::Cell<Instant>,
}

#[cfg(feature = "bench")]
impl Spinner {
    /// Shows `message` from here on.
    pub fn new(message: &'static str) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S));
        let line = screen.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg}, {elapsed}")));
        line.set_message(message);
        line.enable_steady_tick(Duration::from_millis(100));
        let plain = (!std::io::stderr().is_terminal()).then(|| Plainly { last: std::cell::Cell::new(Instant::now()) });
        Self { line, plain, _in_place: InPlace::new(&screen) }
    }

    /// Shows what is being done at the moment.
    pub fn tell(&self, doing: &str) {
        self.line.set_message(doing.to_owned());
        if let Some(plain) = self.plain.as_ref().filter(|plain| plain.last.get().elapsed() >= PLAIN_EVERY) {
            plain.last.set(Instant::now());
            output::note(doing);
        }
    }

    /// Prints something above it.
    pub fn aside(&self, print: impl FnOnce()) {
        self.line.suspend(print);
    }

    /// Takes it off the terminal.
    pub fn finish(self) {
        self.line.finish_and_clear();
    }
}

fn soc_kwh(telemetry: &Telemetry) -> f64 {
    match telemetry {
        Telemetry::Habitat(habitat) => habitat.soc_kwh.value(),
        Telemetry::Rover(rover) => rover.soc_kwh.value(),
        Telemetry::Satellite(satellite) => satellite.soc_kwh.value(),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates stand in this file and are well formed")
}

const DRAWS_PER_S: u8 = 12;
#[cfg(feature = "bench")]
const PLAIN_EVERY: Duration = Duration::from_secs(10);

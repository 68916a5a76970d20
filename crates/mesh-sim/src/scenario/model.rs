//! The typed scenario, valid by construction once it comes out of the parser. SI units and kW, kWh, Gbit, km per hour.

use mesh_adapters::{Battery, HabitatSettings, RoverSettings, SatelliteSettings};
use mesh_model::{AssetId, FleetId, Junction};

/// A whole mission.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name; also the name of the fleet folder and of run folders.
    pub name: FleetId,
    /// A line for people.
    pub title: String,
    /// The seed when none is given on the command line.
    pub seed: u64,
    /// Clock and planning.
    pub timing: Timing,
    /// Where the sun stands and what casts shadows.
    pub sky: Sky,
    /// The members with vehicles, in id order.
    pub assets: Vec<Asset>,
    /// The member that holds the planner role and the asset where it is placed.
    pub planner: Planner,
    /// The couplings, in id order.
    pub junctions: Vec<Junction>,
    /// The links, ordered by their ends.
    pub links: Vec<Link>,
    /// How far reality strays from forecasts.
    pub disturbances: Disturbances,
    /// What must hold for the mission to pass.
    pub limits: Limits,
}

/// Clock and planning.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Length of the mission, a whole number of steps.
    pub duration_s: u32,
    /// Length of a planning step.
    pub step_s: u32,
    /// Steps that a plan looks ahead.
    pub horizon_steps: u16,
    /// How long before a step the planning for it begins.
    pub lead_s: u32,
    /// The grid on which messages are delivered.
    pub tick_s: u32,
    /// Rounds after which a planning is given up.
    pub rounds_max: u32,
    /// Certified relative gap at which a plan is agreed.
    pub gap: f64,
    /// Relative residuals at which a plan is agreed.
    pub residual: f64,
}

/// The sky over the site at the start of the mission, seen in the site's local frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Sky {
    /// Azimuth of the sun's centre at the start, degrees from north towards east.
    pub sun_azimuth_deg: f64,
    /// Elevation of the sun's centre over the ideal horizon.
    pub sun_elevation_deg: f64,
    /// How fast the sun moves in azimuth.
    pub sun_azimuth_deg_per_h: f64,
    /// Direction of Earth: azimuth.
    pub earth_azimuth_deg: f64,
    /// Direction of Earth: elevation.
    pub earth_elevation_deg: f64,
}

/// A member with a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its name.
    pub id: AssetId,
    /// What it is.
    pub kind: AssetKind,
}

/// The kinds of vehicles.
#[derive(Debug, Clone, PartialEq)]
pub enum AssetKind {
    /// A habitat at a site.
    Habitat {
        /// Its figures.
        settings: HabitatSettings,
        /// Where it stands.
        site: Site,
    },
    /// A rover between its dock, which is a habitat's site, and a survey site.
    Rover {
        /// Its figures.
        settings: RoverSettings,
        /// The habitat where it docks.
        dock: AssetId,
        /// Where it surveys.
        site: Site,
        /// Its day, in order; outside these stays and drives nothing is planned for it.
        itinerary: Vec<Stay>,
    },
    /// A relay satellite on an orbit.
    Satellite {
        /// Its figures.
        settings: SatelliteSettings,
        /// Its orbit.
        orbit: Orbit,
    },
}

impl AssetKind {
    /// The battery, which every kind has.
    pub fn battery(&self) -> &Battery {
        match self {
            Self::Habitat { settings, .. } => &settings.battery,
            Self::Rover { settings, .. } => &settings.battery,
            Self::Satellite { settings, .. } => &settings.battery,
        }
    }
}

/// A place on the Moon and the terrain around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Latitude, south negative.
    pub latitude_deg: f64,
    /// Longitude, east positive.
    pub longitude_deg: f64,
    /// Height over the reference sphere.
    pub altitude_m: f64,
    /// Elevation of the terrain's skyline where no ridge is named.
    pub horizon_deg: f64,
    /// Higher parts of the skyline.
    pub ridges: Vec<Ridge>,
}

/// A part of the skyline that stands higher.
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// Azimuth where it begins.
    pub from_deg: f64,
    /// Azimuth where it ends, clockwise from `from_deg`.
    pub to_deg: f64,
    /// Its elevation.
    pub elevation_deg: f64,
}

/// One entry of an itinerary, in mission time. The gap between a stay and the next at another place is a drive.
#[derive(Debug, Clone, PartialEq)]
pub struct Stay {
    /// Where.
    pub place: Place,
    /// From when, on a step boundary.
    pub from_s: u32,
    /// Until when, on a step boundary. The last stay lasts at least until one horizon after the mission's end.
    pub until_s: u32,
    /// Length of the drive that brought it here; 0 for the first stay.
    pub drive_km: f64,
}

/// Where a rover can stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the dock.
    Dock,
    /// At the survey site.
    Site,
}

/// A Keplerian orbit around the Moon; angles in the Moon's equatorial frame, which does not turn with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Orbit {
    /// Length of one revolution.
    pub period_s: f64,
    /// Eccentricity, 0 to below 1.
    pub eccentricity: f64,
    /// Inclination.
    pub inclination_deg: f64,
    /// Right ascension of the ascending node.
    pub node_deg: f64,
    /// Argument of perilune.
    pub perilune_deg: f64,
    /// Time of a passage through perilune, may lie before the mission (negative).
    pub perilune_at_s: f64,
}

/// The planner role as a member of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Planner {
    /// Its name.
    pub id: AssetId,
    /// The asset where it is placed: it hears what that asset hears.
    pub at: AssetId,
}

/// A radio link between two members.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// One end, the lower id.
    pub a: AssetId,
    /// The other end.
    pub b: AssetId,
    /// When it is up.
    pub via: LinkVia,
    /// Fraction of messages lost while it is up, 0 to below 1.
    pub loss: f64,
}

impl Link {
    /// The end that is not `member`; `None` if neither is, or both are.
    pub fn other_end(&self, member: &AssetId) -> Option<&AssetId> {
        match (self.a == *member, self.b == *member) {
            (true, false) => Some(&self.b),
            (false, true) => Some(&self.a),
            _ => None,
        }
    }
}

/// What makes a link up.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkVia {
    /// A satellite in view of a site.
    Sight,
    /// A satellite as a bent pipe, while both ends see it.
    Relay(AssetId),
    /// A cable or a short-range radio while the rover stands at the dock.
    Dock,
    /// Both ends are at one place, always up.
    Local,
    /// Up while either of these is.
    Either(Vec<LinkVia>),
}

/// Standard deviations as fractions of the forecast, drawn anew for each asset and step.
#[derive(Debug, Clone, PartialEq)]
pub struct Disturbances {
    /// Of solar yield.
    pub solar: f64,
    /// Of loads.
    pub load: f64,
    /// Of the energy for driving.
    pub drive: f64,
}

/// What must hold for the mission to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Data delivered to Earth, as a fraction of what the central planner delivers.
    pub science_share_min: f64,
    /// Certified relative gap of every adopted plan.
    pub gap_max: f64,
    /// Blackout of the rover, in mission time.
    pub blackout_s_min: f64,
    /// Part of it during which the habitat still sees the relay.
    pub blackout_overlap_s_min: f64,
    /// Coupling prices that are not zero in every plan agreed by all assets.
    pub prices_min: u32,
}

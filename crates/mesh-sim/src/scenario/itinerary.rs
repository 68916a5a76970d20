//! Reads a rover's itinerary: stays at the dock and at the site, and the drives between them.

use super::diagnostic::{Problems, quoted};
use super::model::{Place, Stay, Timing};
use super::nearest::did_you_mean;
use super::parse::DURATION_S_MAX;
use super::quantity::{DISTANCE, POSITIVE};
use super::table::{At, Raw, Table, duration};
use std::ops::Range;

/// Most stays of an itinerary.
pub const STAYS_MAX: usize = 64;

/// Reads `itinerary`, a list of `{ at, from, until, drive }`.
pub(super) fn itinerary(
    table: &mut Table<'_>,
    timing: Option<&Timing>,
    speed_km_h_max: Option<&At<f64>>,
) -> Option<Vec<Stay>> {
    let problems = table.problems();
    let list = table.list("itinerary", "a list of { at, from, until, drive }")?;
    if list.value.is_empty() || list.value.len() > STAYS_MAX {
        let message = format!("the itinerary has {} stays", list.value.len());
        problems.error(list.span, message, format!("from 1 to {STAYS_MAX} stays"), None);
        return None;
    }
    let last = list.value.len() - 1;
    let drafts: Vec<_> =
        list.value.iter().enumerate().map(|(i, value)| Draft::read(value, i == 0, i == last, problems)).collect();
    let drafts = drafts.into_iter().collect::<Option<Vec<_>>>()?;
    let timing = timing?;
    report_ends(&drafts, timing, problems);
    for draft in &drafts {
        draft.report_bad_window(timing, problems);
    }
    for (before, after) in drafts.iter().zip(drafts.iter().skip(1)) {
        report_bad_drive(before, after, speed_km_h_max, problems);
    }
    Some(drafts.into_iter().map(|draft| draft.stay(timing)).collect())
}

/// One entry as it stands in the file.
struct Draft {
    place: Place,
    from: At<u32>,
    /// Absent in the last stay if that has no end.
    until: Option<At<u32>>,
    drive_km: Option<At<f64>>,
    span: Range<usize>,
}

impl Draft {
    fn read<'t>(value: Raw<'t>, first: bool, last: bool, problems: &'t Problems) -> Option<Self> {
        problems.table_value(value, "a stay".to_owned(), |table| {
            let place = place(table);
            let from = table.duration("from", 0, TIME_S_MAX);
            let until = if last {
                Some(table.optional_duration("until", 0, TIME_S_MAX))
            } else {
                table.duration("until", 0, TIME_S_MAX).map(Some)
            };
            let drive_km = if first {
                report_drive_of_first(table);
                Some(None)
            } else {
                table.quantity("drive", &DISTANCE, POSITIVE).map(Some)
            };
            Some(Self { place: place?, from: from?, until: until?, drive_km: drive_km?, span: table.span() })
        })
    }

    fn stay(self, timing: &Timing) -> Stay {
        let until_s = self.until.map_or(planned_until_s(timing), |until| until.value);
        Stay { place: self.place, from_s: self.from.value, until_s, drive_km: self.drive_km.map_or(0.0, |km| km.value) }
    }

    fn report_bad_window(&self, timing: &Timing, problems: &Problems) {
        for (key, time) in [("from", Some(&self.from)), ("until", self.until.as_ref())] {
            if let Some(time) = time.filter(|time| !time.value.is_multiple_of(timing.step_s)) {
                let step = duration(timing.step_s);
                let message = format!("{key} is not on a step boundary");
                problems.error(time.span.clone(), message, format!("a multiple of {step}, the step in [timing]"), None);
            }
        }
        let from_s = self.from.value;
        match &self.until {
            Some(until) if until.value <= from_s => {
                let message = format!("the stay ends at {}, but begins at {}", duration(until.value), duration(from_s));
                problems.error(until.span.clone(), message, format!("an end after {}", duration(from_s)), None);
            }
            None if planned_until_s(timing) <= from_s => {
                let end = duration(planned_until_s(timing));
                let message = format!("the stay begins at {}, but plans only look ahead to {end}", duration(from_s));
                problems.error(self.from.span.clone(), message, format!("a time before {end}"), None);
            }
            _ => {}
        }
    }
}

fn place(table: &mut Table<'_>) -> Option<Place> {
    let expected = "dock or site";
    let text = table.text("at", expected)?;
    match text.value {
        "dock" => Some(Place::Dock),
        "site" => Some(Place::Site),
        other => {
            let hint = did_you_mean(other, ["dock", "site"]);
            table.problems().error(text.span, format!("unknown place {}", quoted(other)), expected, hint);
            None
        }
    }
}

fn report_drive_of_first(table: &mut Table<'_>) {
    if let Some(value) = table.optional("drive") {
        let message = "the first stay has no drive that brings the rover there".to_owned();
        table.problems().error(value.span(), message, "no `drive` here", None);
    }
}

/// The itinerary must cover everything that a plan can look at.
fn report_ends(drafts: &[Draft], timing: &Timing, problems: &Problems) {
    if let Some(first) = drafts.first().filter(|first| first.from.value != 0) {
        let message = format!("the itinerary begins at {}", duration(first.from.value));
        problems.error(first.from.span.clone(), message, "0 h, the start of the mission", None);
    }
    let end_s = planned_until_s(timing);
    let until = drafts.last().and_then(|last| last.until.as_ref());
    if let Some(until) = until.filter(|until| until.value < end_s) {
        let message =
            format!("the itinerary ends at {}, but plans look ahead to {}", duration(until.value), duration(end_s));
        let hint = Some("leave out `until` in the last stay: then it lasts as long as anybody plans".to_owned());
        problems.error(until.span.clone(), message, format!("at least {}", duration(end_s)), hint);
    }
}

/// Between two stays lies a drive, which needs its time.
fn report_bad_drive(before: &Draft, after: &Draft, speed_km_h_max: Option<&At<f64>>, problems: &Problems) {
    let Some(until) = &before.until else { return };
    if before.place == after.place {
        let message = "this stay is at the same place as the one before it".to_owned();
        let hint = Some("make one stay of the two".to_owned());
        problems.error(after.span.clone(), message, "the other place", hint);
        return;
    }
    let Some(gap_s) = after.from.value.checked_sub(until.value) else {
        let times = (duration(after.from.value), duration(until.value));
        let message = format!("the stay begins at {}, before the one ahead of it ends at {}", times.0, times.1);
        problems.error(after.from.span.clone(), message, format!("later than {}", times.1), None);
        return;
    };
    let (Some(km), Some(speed)) = (&after.drive_km, speed_km_h_max) else { return };
    let gap_h = f64::from(gap_s) / 3600.0;
    if km.value > speed.value * gap_h {
        let message = format!("a drive of {} km does not fit into the {} before this stay", km.value, duration(gap_s));
        let expected = format!("at most {} km at the top speed of {} km/h", speed.value * gap_h, speed.value);
        let hint = Some(format!("at top speed it takes {:.2} h", km.value / speed.value));
        problems.error(km.span.clone(), message, expected, hint);
    }
}

/// The end of the horizon of the last plan.
fn planned_until_s(timing: &Timing) -> u32 {
    timing.duration_s + u32::from(timing.horizon_steps) * timing.step_s
}

/// No stay begins or ends later than this.
const TIME_S_MAX: u32 = 4 * DURATION_S_MAX;

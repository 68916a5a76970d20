//! Negotiations shuttled by hand: every message is a value in a queue, to be delivered, lost or said twice.

use super::*;
use crate::fixture::{STEPS, contract, edge, id, opening, problem, real};
use proptest::prelude::*;

const PATIENCE_S: u64 = 3;

/// Some members in one epoch, with the messages between them under way.
struct Table {
    members: BTreeMap<AssetId, Negotiation>,
    under_way: VecDeque<(AssetId, AssetId, Payload)>,
    reports: BTreeMap<(u32, AssetId), RoundReport>,
}

fn at(seconds: u64) -> MissionTime {
    MissionTime::from_s(seconds)
}

impl Table {
    fn of(names: &[&str]) -> Self {
        Self::with(names, &BTreeMap::new(), |_| {})
    }

    fn with(names: &[&str], agreed: &BTreeMap<Edge, Agreed>, change: impl Fn(&mut LocalProblem)) -> Self {
        let opening = opening(1, 0, names);
        let mut table = Self { members: BTreeMap::new(), under_way: VecDeque::new(), reports: BTreeMap::new() };
        for name in names {
            let mut problem = problem(name, &opening);
            change(&mut problem);
            let begin = Negotiation::begin;
            let negotiation = begin(at(0), &id(name), &contract(), opening.clone(), problem, agreed, PATIENCE_S);
            table.members.insert(id(name), negotiation);
        }
        for name in names {
            table.act(name, |member, out| member.start(at(0), out));
        }
        table
    }

    fn act(&mut self, name: &str, act: impl FnOnce(&mut Negotiation, &mut Vec<Saying>) -> Result<(), Unable>) {
        let mut out = Vec::new();
        act(self.members.get_mut(&id(name)).expect("at the table"), &mut out).expect("able");
        self.under_way.extend(out.into_iter().map(|(to, payload)| (id(name), to, payload)));
    }

    fn deliver(&mut self, now: u64, (from, to, payload): (AssetId, AssetId, Payload)) {
        if let Payload::Report(report) = payload {
            self.reports.insert((report.round, from), report);
            return;
        }
        self.act(to.as_str(), |member, out| match payload {
            Payload::Shared(shared) => member.hear_range(at(now), &from, &shared, out),
            Payload::Dual(dual) => member.hear_round(at(now), &from, &dual, out),
            other => panic!("a member said {other:?}"),
        });
    }

    /// One second in which every message that is under way arrives, but for those that `lost` names.
    fn second(&mut self, now: u64, mut lost: impl FnMut(&AssetId, &Payload) -> bool) {
        for message in std::mem::take(&mut self.under_way) {
            if !lost(&message.1, &message.2) {
                self.deliver(now, message);
            }
        }
        for name in self.members.keys().cloned().collect::<Vec<_>>() {
            self.act(name.as_str(), |member, out| member.tick(at(now), out));
        }
    }

    /// The newest round that all have reported.
    fn round_of_all(&self) -> Option<u32> {
        let all = |round: u32| self.members.keys().all(|name| self.reports.contains_key(&(round, name.clone())));
        self.reports.keys().rev().map(|(round, _)| *round).find(|round| *round > 0 && all(*round))
    }

    /// Gap and largest squared residual of a round, and whether the ends of all edges name the same candidates.
    fn verdict(&self, round: u32) -> (f64, f64, bool) {
        let (mut gap, mut residual, mut alike) = (0.0, 0.0f64, true);
        let mut named = BTreeMap::new();
        for name in self.members.keys() {
            let report = &self.reports[&(round, name.clone())];
            gap += report.evaluation.upper.value() - report.evaluation.lower.value();
            residual = residual.max(report.primal_squared.value()).max(report.dual_squared.value());
            for (edge, hash) in &report.evaluation.candidate {
                alike &= named.insert(edge.clone(), *hash).is_none_or(|other| other == *hash);
            }
        }
        (gap, residual, alike)
    }

    fn run(&mut self, seconds: std::ops::Range<u64>) {
        seconds.for_each(|now| self.second(now, |_, _| false));
    }
}

/// What both ends would have agreed on had they met before, if it is the optimum.
fn optimum() -> BTreeMap<Edge, Agreed> {
    let window = opening(1, 0, &[]).window;
    let agreed = Agreed { window, flow: vec![1.0; STEPS], price: vec![1.0; STEPS], weight: 0.7 };
    BTreeMap::from([(edge("bus", "habitat", "rover"), agreed)])
}

#[test]
fn two_members_agree_on_the_optimum_and_offer_the_same() {
    let mut table = Table::of(&["habitat", "rover"]);
    table.run(1..80);
    let round = table.round_of_all().expect("rounds are over");
    let (gap, residual, alike) = table.verdict(round);
    assert!(alike && gap.abs() < 1e-6 && residual < 1e-9, "round {round}: gap {gap}, residual {residual}");
    let parts: Vec<PlanDelta> =
        table.members.values_mut().map(|member| member.offer(round).expect("still held").0).collect();
    assert_eq!(parts[0].agreements, parts[1].agreements);
    let agreement = &parts[0].agreements[0];
    for step in 0..STEPS {
        assert!(
            (agreement.flow[step].value() - 1.0).abs() < 1e-4 && (agreement.price[step].value() - 1.0).abs() < 1e-4
        );
    }
    assert!(table.members.values().all(|member| member.deadline().is_none()), "an offer ends the rounds");
}

#[test]
fn a_good_guess_is_agreed_on_at_once() {
    let mut table = Table::with(&["habitat", "rover"], &optimum(), |_| {});
    table.run(1..12);
    let (gap, residual, alike) = table.verdict(4);
    assert!(alike && gap.abs() < 1e-9 && residual < 1e-12, "gap {gap}, residual {residual}");
}

#[test]
fn a_wrong_weight_is_put_right_by_both_ends() {
    let bus = edge("bus", "habitat", "rover");
    let window = opening(1, 0, &[]).window;
    for (weight, is_better) in [(1e-3, f64::gt as fn(&f64, &f64) -> bool), (1e3, f64::lt)] {
        let agreed = Agreed { window, flow: vec![0.0; STEPS], price: vec![0.0; STEPS], weight };
        let mut table = Table::with(&["habitat", "rover"], &BTreeMap::from([(bus.clone(), agreed)]), |_| {});
        table.run(1..160);
        let round = table.round_of_all().expect("rounds are over");
        let (gap, residual, alike) = table.verdict(round);
        assert!(alike && gap.abs() < 1e-6 && residual < 1e-9, "round {round}: gap {gap}, residual {residual}");
        let held: Vec<f64> = table.members.values().map(|member| member.weights()[&bus]).collect();
        assert!(held[0] == held[1] && is_better(&held[0], &weight), "{held:?}");
    }
}

#[test]
fn words_under_another_weight_are_no_candidate() {
    let mut table = Table::of(&["habitat", "rover"]);
    for now in 1..40 {
        for (_, to, payload) in &mut table.under_way {
            if let Payload::Dual(dual) = payload
                && *to == id("rover")
            {
                dual.weight += 1;
            }
        }
        table.second(now, |_, _| false);
    }
    let reported: Vec<u32> = table.reports.keys().filter(|(_, who)| *who == id("rover")).map(|(r, _)| *r).collect();
    assert!(table.members[&id("rover")].round() > 4 && reported.iter().all(|round| *round == 0), "{reported:?}");
}

#[test]
fn no_neighbour_asks_for_a_weight_out_of_reach() {
    for (what, spoil) in [(0.0, 0), (-1.0, 0), (1e16, 0), (1.0, 2), (1.0, -128)] {
        let mut table = Table::of(&["habitat", "rover"]);
        for now in 1..40 {
            for (_, to, payload) in &mut table.under_way {
                match payload {
                    Payload::Shared(shared) if spoil == 0 && *to == id("rover") => shared.weight = real(what),
                    Payload::Dual(dual) if *to == id("rover") => dual.rescale = spoil,
                    _ => {}
                }
            }
            table.second(now, |_, _| false);
        }
        let rover = &table.members[&id("rover")];
        assert_eq!(rover.round(), if spoil == 0 { 0 } else { 4 }, "{what} {spoil}");
    }
}

#[test]
fn a_guess_is_turned_with_the_day() {
    let (flow, price) = (vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]);
    let agreed = Agreed { window: opening(1, 0, &[]).window, flow, price, weight: 0.7 };
    assert_eq!(agreed.frozen_flow(&opening(2, 0, &[]).window), [2.0, 3.0, 0.0]);
    assert_eq!(agreed.frozen_flow(&opening(5, 0, &[]).window), [0.0; 3]);
    let mut table =
        Table::with(&["habitat", "rover"], &BTreeMap::from([(edge("bus", "habitat", "rover"), agreed)]), |_| {});
    table.run(1..3);
    assert!(table.members[&id("rover")].round() > 0);
}

#[test]
fn edges_to_those_who_are_not_there_stay_as_agreed() {
    let flows = |agreed: &BTreeMap<Edge, Agreed>| -> Vec<f64> {
        let mut table = Table::with(&["rover"], agreed, |_| {});
        table.run(1..2);
        let (_, schedule) = table.members.get_mut(&id("rover")).expect("there").offer(4).expect("its only plan");
        Real::values(&schedule.values)
    };
    assert_eq!(flows(&optimum()), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(flows(&BTreeMap::new()), [0.0; 6]);
}

#[test]
fn a_lost_message_is_skipped_in_an_unchecked_round_and_asked_for_in_a_checked_one() {
    for lost_round in [2, 4] {
        let mut table = Table::of(&["habitat", "rover"]);
        let mut losses = 0;
        let mut said_again = 0;
        for now in 1..40 {
            table.second(now, |to, payload| match payload {
                Payload::Dual(dual) if dual.round == lost_round && *to == id("rover") => {
                    losses += 1;
                    said_again += 1;
                    losses == 1
                }
                _ => false,
            });
        }
        assert_eq!(said_again, if lost_round == 2 { 1 } else { 2 }, "round {lost_round}");
        let (gap, _, alike) = table.verdict(table.round_of_all().expect("rounds are over"));
        assert!(alike && gap.abs() < 1e-3);
    }
}

/// Messages that crossed on a long way look like questions; they must not be answered for ever.
#[test]
fn repeats_do_not_chase_each_other() {
    // The satellite is waited for, so nobody goes on to a round.
    let mut waiting = Table::of(&["habitat", "rover", "satellite"]);
    let ranges: Vec<_> = waiting.under_way.drain(..).filter(|(from, ..)| *from != id("satellite")).collect();
    for message in ranges.iter().chain(&ranges).cloned() {
        if message.1 != id("satellite") {
            waiting.deliver(1, message);
        }
    }
    let mut between_two = 0;
    for now in 2..60 {
        waiting.second(now, |to, payload| {
            let lost = *to == id("satellite") || matches!(payload, Payload::Report(_));
            between_two += usize::from(
                !lost && matches!(payload, Payload::Shared(shared) if shared.edge.junction.as_str() == "bus"),
            );
            lost
        });
        waiting.under_way.retain(|(from, ..)| *from != id("satellite"));
    }
    assert!(between_two <= 2, "{between_two} ranges between two that had met");
}

#[test]
fn only_a_repeat_that_asks_is_answered() {
    let mut table = Table::of(&["habitat", "rover"]);
    let mut heard = None;
    for now in 1..12 {
        table.second(now, |to, payload| {
            if let Payload::Dual(dual) = payload
                && dual.round == 4
                && *to == id("rover")
            {
                heard = Some(dual.clone());
            }
            false
        });
    }
    let mut repeat = heard.expect("round 4 is over");
    for awaits in [false, true] {
        repeat.awaits = awaits;
        let mut out = Vec::new();
        let rover = table.members.get_mut(&id("rover")).expect("there");
        rover.hear_round(at(12), &id("habitat"), &repeat, &mut out).expect("able");
        let answers =
            out.iter().filter(|(_, said)| matches!(said, Payload::Dual(dual) if dual.round == 4 && !dual.awaits));
        assert_eq!((out.len(), answers.count()), (usize::from(awaits), usize::from(awaits)));
    }
}

#[test]
fn ranges_that_miss_each_other_are_named() {
    let opening = opening(1, 0, &["habitat", "rover"]);
    let begin = |name: &str, lower: f64| {
        let mut problem = problem(name, &opening);
        problem.variables[1].lower = Real::new(lower).expect("finite");
        problem.variables[1].upper = Real::new(lower + 1.0).expect("finite");
        Negotiation::begin(at(0), &id(name), &contract(), opening.clone(), problem, &BTreeMap::new(), PATIENCE_S)
    };
    let (mut habitat, mut rover) = (begin("habitat", 0.0), begin("rover", 1.5));
    let mut out = Vec::new();
    habitat.start(at(0), &mut out).expect("able");
    let (_, Payload::Shared(range)) = out.remove(0) else { panic!("the first message is a range") };
    let why = rover.hear_range(at(1), &id("habitat"), &range, &mut out).expect_err("no flow suits both");
    assert_eq!(why, Unable::Ranges { edge: edge("bus", "habitat", "rover"), step: 1, amount: 0.5 });
}

#[test]
fn says_that_it_is_there_while_it_waits() {
    let mut table = Table::of(&["habitat", "rover", "satellite"]);
    for now in 1..30 {
        table.under_way.retain(|(from, ..)| *from != id("satellite"));
        table.second(now, |_, _| false);
    }
    assert!(table.reports.contains_key(&(0, id("rover"))) && table.reports.contains_key(&(0, id("habitat"))));
    assert_eq!(table.round_of_all(), None);
}

#[test]
fn stops_at_the_last_round() {
    let mut table = Table::of(&["habitat", "rover"]);
    table.run(1..400);
    let last = contract().rounds_max;
    assert_eq!(table.round_of_all(), Some(last));
    assert!(table.members.values().all(|member| member.round() == last));
    assert!(table.members.values_mut().all(|member| member.offer(last).is_some()));
}

/// What no honest neighbour says.
#[test]
fn nonsense_from_a_neighbour_is_survived() {
    let numbers = [0.0, -0.0, 1.0, -1e300, 1e300, f64::MAX, f64::MIN_POSITIVE].map(|v| Real::new(v).expect("finite"));
    for reflected in numbers {
        for offered in numbers {
            let mut table = Table::of(&["habitat", "rover"]);
            table.run(1..3);
            let rover = table.members.get_mut(&id("rover")).expect("there");
            for round in [0, 1, 2, 3, 4, 5, 8, 64, 65, 128, 200, 201, u32::MAX] {
                for (length, offers) in [(STEPS, STEPS), (STEPS, 0), (STEPS, 7), (0, 0), (STEPS + 1, STEPS)] {
                    let dual = DualVariables {
                        epoch: opening(1, 0, &[]).epoch,
                        edge: edge("bus", "habitat", "rover"),
                        round,
                        weight: round / 4,
                        reflected: vec![reflected; length],
                        offered: vec![offered; offers],
                        rescale: round as i8,
                        awaits: true,
                    };
                    let mut out = Vec::new();
                    // Able to go on or not: it must come back, and not say much.
                    let _ = rover.hear_round(at(3), &id("habitat"), &dual, &mut out);
                    let _ = rover.tick(at(7), &mut out);
                    assert!(out.len() < 32);
                }
            }
            assert!(rover.round() <= contract().rounds_max);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Three members under any losses, repetitions and reorderings for a while: they come to an agreement all the same.
    #[test]
    fn agrees_however_messages_are_lost_repeated_and_shuffled(fates in proptest::collection::vec(0u8..8, 200..400)) {
        let mut table = Table::of(&["habitat", "rover", "satellite"]);
        let mut fates = fates.into_iter();
        let mut now = 0;
        while fates.len() > 0 {
            now += 1;
            for message in std::mem::take(&mut table.under_way) {
                match fates.next().unwrap_or(7) {
                    0 | 1 => {}
                    2 => (0..2).for_each(|_| table.deliver(now, message.clone())),
                    3 => table.under_way.push_back(message),
                    4 => table.under_way.push_front(message),
                    _ => table.deliver(now, message),
                }
            }
            table.second(now, |_, _| false);
            prop_assert!(table.under_way.len() < 200);
        }
        table.run(now + 1..now + 120);
        let round = table.round_of_all().expect("rounds are over");
        let (gap, residual, alike) = table.verdict(round);
        prop_assert!(alike && gap.abs() < 1e-3 && residual < 1e-3, "round {}: gap {}, residual {}", round, gap, residual);
    }
}

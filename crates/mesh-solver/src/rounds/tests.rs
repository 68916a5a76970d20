//! Whole runs of small networks, over links that work, lose and lie.

use super::message::{Offer, Pace, Report, Sums, Words};
use super::{Agent, Epoch, Frame, Message, PeerError, Seat, Settings, Verdict};
use crate::{Junction, Member, Network, QpProblem, QpRow, QpSolver, Share};
use mesh_model::Hash;

/// Four members: all agree on one number, 0, 1 and 2 exchange, and 1, 2 and 3 share a budget of linear forms.
fn network(seed: u64) -> Network {
    let dice = |member: u64, what: u64| uniform(&[seed, member, what]);
    let member = |index: u64| {
        let quadratic: Vec<(usize, usize, f64)> = (0..4).map(|j| (j, j, 0.5 + 2.0 * dice(index, j as u64))).collect();
        let linear = (0..4).map(|j| 4.0 * dice(index, 10 + j) - 3.0).collect();
        let row = QpRow { terms: vec![(0, 1.0), (3, 1.0)], lower: -1.0, upper: 1.0 };
        let problem = QpProblem::new(&quadratic, linear, 1.0, vec![row], vec![-2.0; 4], vec![2.0; 4]);
        let mut shares = vec![Share { junction: 0, terms: vec![(0, 1.0)] }];
        if index < 3 {
            shares.push(Share { junction: 1, terms: vec![(1, 1.0)] });
        }
        if index > 0 {
            shares.push(Share { junction: 2, terms: vec![(2, 1.0), (3, 0.5)] });
        }
        Member { problem: problem.expect("well formed"), shares }
    };
    let junctions = vec![Junction::Consensus, Junction::Exchange(0.5), Junction::Budget(0.25)];
    Network { members: (0..4).map(member).collect(), junctions }
}

/// The optimum of all members in one problem.
fn optimum(network: &Network) -> f64 {
    let whole = network.whole().expect("well formed");
    let n = whole.variables();
    let solution = QpSolver::new(&whole, &vec![0.0; n], crate::Settings::default()).expect("curved").solve_as_given();
    solution.expect("feasible").objective + whole.constant()
}

fn agents(network: &Network) -> Vec<Agent> {
    let seats = Seat::all(network).expect("shares what exists");
    seats.into_iter().map(|seat| Agent::new(Settings::default(), seat).expect("feasible")).collect()
}

/// Rounds until all know that they are done; `lost(round, from, to)` says what does not arrive. Also the hash of all
/// that was sent.
fn run(agents: &mut [Agent], rounds_max: u64, lost: impl Fn(u64, usize, usize) -> bool) -> (Option<u64>, Hash) {
    let mut sent = Vec::new();
    for round in 1..=rounds_max {
        let mut messages = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            agent.next_round().expect("feasible");
            while let Some((to, message)) = agent.poll() {
                let bytes = message.bytes();
                assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message), "bytes say something else");
                sent.extend(bytes);
                messages.push((from, to, message));
            }
        }
        for (from, to, message) in messages {
            if !lost(round, from, to) {
                agents[to].handle(from, message).expect("nobody lies");
            }
        }
        if agents.iter().all(|agent| agent.verdict().is_some_and(|verdict| verdict.converged)) {
            return (Some(round), Hash::of(&sent));
        }
    }
    (None, Hash::of(&sent))
}

fn uniform(parts: &[u64]) -> f64 {
    let mixed = parts.iter().fold(0, |state: u64, part| {
        let mut x = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    });
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn check_right(seed: u64, agents: &[Agent], optimum: f64) {
    let verdict = agents[0].verdict().expect("it converged");
    assert!(verdict.lower <= optimum + 1e-9, "seed {seed}: {verdict:?}, optimum {optimum}");
    assert!(verdict.upper >= optimum - 1e-9, "seed {seed}: {verdict:?}, optimum {optimum}");
    assert!(verdict.upper - verdict.lower <= 1e-4 * verdict.upper.abs().max(1.0), "seed {seed}: {verdict:?}");
    let plans: Vec<&[f64]> = agents.iter().map(|agent| agent.plan().expect("everybody has one")).collect();
    let apart = plans.iter().map(|plan| (plan[0] - plans[0][0]).abs()).fold(0.0, f64::max);
    assert!(apart <= 1e-7, "seed {seed}: copies are {apart} apart");
    let exchanged = plans[0][1] + plans[1][1] + plans[2][1];
    assert!((exchanged - 0.5).abs() <= 1e-7, "seed {seed}: {exchanged} is exchanged");
    let spent: f64 = plans[1..].iter().map(|plan| plan[2] + 0.5 * plan[3]).sum();
    assert!(spent <= 0.25 + 1e-7, "seed {seed}: {spent} of the budget is spent");
}

#[test]
fn reaches_what_one_planner_finds_over_every_kind_of_junction() {
    for seed in 0..8 {
        let network = network(seed);
        let mut agents = agents(&network);
        let (rounds, _) = run(&mut agents, 500, |_, _, _| false);
        assert!(rounds.is_some(), "seed {seed}: {:?}", agents[0].verdict());
        check_right(seed, &agents, optimum(&network));
    }
}

#[test]
fn bounds_that_follow_from_rows_serve_as_well_as_others() {
    for seed in 0..4 {
        let mut open = network(seed);
        for member in &mut open.members {
            let problem = &member.problem;
            let quadratic: Vec<(usize, usize, f64)> = (0..4).map(|j| (j, j, problem.hessian_row(j)[0].1)).collect();
            let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
            (lower[3], upper[3]) = (f64::NEG_INFINITY, f64::INFINITY);
            let (linear, rows) = (problem.linear().to_vec(), problem.rows().to_vec());
            member.problem =
                QpProblem::new(&quadratic, linear, problem.constant(), rows, lower, upper).expect("well formed");
        }
        let mut agents = agents(&open);
        let (rounds, _) = run(&mut agents, 500, |_, _, _| false);
        assert!(rounds.is_some(), "seed {seed}: {:?}", agents[0].verdict());
        check_right(seed, &agents, optimum(&open));
    }
}

#[test]
fn a_third_of_the_messages_may_be_lost() {
    for seed in 0..4 {
        let network = network(seed);
        let mut agents = agents(&network);
        let lost = |round, from, to| uniform(&[seed, round, from as u64, to as u64]) < 0.33;
        let (rounds, _) = run(&mut agents, 1000, lost);
        assert!(rounds.is_some(), "seed {seed}: {:?}", agents[0].verdict());
        check_right(seed, &agents, optimum(&network));
    }
}

/// Members that share all they have, with an equation over it each: hardly any claim can be met to the last bit.
fn bound_by_equations(seed: u64) -> Network {
    let member = |index: u64, equation: [f64; 4], value: f64| {
        let dice = |what: u64| uniform(&[seed, index, what]);
        let quadratic: Vec<(usize, usize, f64)> = (0..4).map(|j| (j, j, 100.0 * dice(j as u64))).collect();
        let linear = (0..4).map(|j| 4000.0 * dice(10 + j) - 2000.0).collect();
        let terms = equation.into_iter().enumerate().collect();
        let rows = vec![QpRow { terms, lower: value, upper: value }];
        let problem = QpProblem::new(&quadratic, linear, 0.0, rows, vec![-2.0; 4], vec![2.0; 4]).expect("well formed");
        Member { problem, shares: (0..4).map(|j| Share { junction: j, terms: vec![(j, 1.0)] }).collect() }
    };
    let members = vec![member(0, [1.0, 1.0, -0.5, 0.3], 0.5), member(1, [1.0, -0.7, 0.2, 1.0], 0.1)];
    Network { members, junctions: vec![Junction::Consensus; 4] }
}

/// Old bounds stay where they are, so an upper one that was too low for a moment would be seen at the end as well.
#[test]
fn equations_over_nothing_but_shares_leave_every_bound_a_bound() {
    for seed in 0..6 {
        let network = bound_by_equations(seed);
        let optimum = optimum(&network);
        let mut agents = agents(&network);
        for _ in 0..600 {
            run(&mut agents, 1, |_, _, _| false);
            let Some(verdict) = agents[0].verdict() else { continue };
            let slack = 1e-8 * optimum.abs().max(1.0);
            assert!(verdict.upper >= optimum - slack, "seed {seed}: {verdict:?}, optimum {optimum}");
            assert!(verdict.lower <= optimum + slack, "seed {seed}: {verdict:?}, optimum {optimum}");
        }
        assert!(agents[0].verdict().is_some_and(|verdict| verdict.converged), "seed {seed}: {:?}", agents[0].verdict());
        let plans: Vec<&[f64]> = agents.iter().map(|agent| agent.plan().expect("everybody has one")).collect();
        let apart = plans[0].iter().zip(plans[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart <= 1e-7, "seed {seed}: plans are {apart} apart");
    }
}

/// The source wants twice what the sink can take at all.
#[test]
fn a_flow_beyond_what_a_member_can_do_is_no_plan() {
    let member = |slope: f64, most: f64| {
        let problem = QpProblem::new(&[(0, 0, 1.0)], vec![slope], 0.0, Vec::new(), vec![-most], vec![most]);
        let shares = vec![Share { junction: 0, terms: vec![(0, 1.0)] }];
        Member { problem: problem.expect("well formed"), shares }
    };
    let network =
        Network { members: vec![member(-1000.0, 2.0), member(0.0, 1.0)], junctions: vec![Junction::Consensus] };
    let optimum = optimum(&network);
    let mut agents = agents(&network);
    for _ in 0..200 {
        run(&mut agents, 1, |_, _, _| false);
        let upper = agents[0].verdict().map_or(f64::INFINITY, |verdict| verdict.upper);
        assert!(upper >= optimum - 1e-5, "{:?}, optimum {optimum}", agents[0].verdict());
    }
    assert!(agents[0].verdict().is_some_and(|verdict| verdict.converged), "{:?}", agents[0].verdict());
}

/// What the source claimed in another epoch is no part of a version of this one.
#[test]
fn claims_of_another_epoch_are_not_added_up() {
    let check = |spoil: &dyn Fn(&mut Epoch), expect: bool| {
        let mut agents = agents(&bound_by_equations(0));
        let mut versions = Vec::new();
        for _ in 0..12 {
            let mut messages = Vec::new();
            for (from, agent) in agents.iter_mut().enumerate() {
                agent.next_round().expect("feasible");
                messages.extend(std::iter::from_fn(|| agent.poll()).map(|(to, message)| (from, to, message)));
            }
            for (from, to, mut message) in messages {
                versions.extend(message.frame.sums.iter().map(|sums| sums.version));
                message.frame.claim.iter_mut().for_each(|claim| spoil(&mut claim.epoch));
                agents[to].handle(from, message).expect("an epoch within its limits");
            }
        }
        assert_eq!(!versions.is_empty(), expect, "{versions:?}");
    };
    check(&|_| {}, true);
    check(&|epoch| epoch.opener = 1, false);
    check(&|epoch| epoch.number = 2, false);
}

#[test]
fn islands_go_on_alone_and_come_together_where_they_were() {
    let network = network(5);
    let settings = Settings { silence_max: 6, ..Settings::default() };
    let seats = Seat::all(&network).expect("shares what exists");
    let mut agents: Vec<Agent> =
        seats.into_iter().map(|seat| Agent::new(settings.clone(), seat).expect("feasible")).collect();
    let (none, _) = run(&mut agents, 15, |_, _, _| false);
    assert_eq!(none, None, "nothing is left to interrupt");
    let (none, _) = run(&mut agents, 40, |_, from, to| (from < 2) != (to < 2));
    assert_eq!(none, None);
    assert!(agents.iter().all(|agent| agent.epoch().is_island()), "{:?}", agents[0].epoch());
    let (rounds, _) = run(&mut agents, 300, |_, _, _| false);
    assert!(rounds.is_some(), "{:?}", agents[0].verdict());
    assert!(agents.iter().all(|agent| agent.epoch() == agents[0].epoch() && !agent.epoch().is_island()));
    check_right(5, &agents, optimum(&network));
}

#[test]
fn the_same_messages_give_the_same_bits() {
    let lost = |round, from, to| uniform(&[7, round, from as u64, to as u64]) < 0.2;
    let (rounds, hash) = run(&mut agents(&network(3)), 60, lost);
    let again = run(&mut agents(&network(3)), 60, lost);
    assert_eq!((rounds, hash), again);
}

/// A frame from member 1 to member 0 as it is sent in the third round.
fn frame(agents: &mut [Agent]) -> Frame {
    for _ in 0..3 {
        let mut messages = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            agent.next_round().expect("feasible");
            messages.extend(std::iter::from_fn(|| agent.poll()).map(|(to, message)| (from, to, message)));
        }
        for (from, to, message) in messages {
            if (from, to) == (1, 0) && message.frame.sequence == 3 {
                return message.frame;
            }
            agents[to].handle(from, message).expect("nobody lies");
        }
    }
    panic!("member 1 speaks to member 0 in every round");
}

fn check_refused(spoil: impl Fn(&mut Frame), expect: impl Fn(&PeerError) -> bool) {
    let mut agents = agents(&network(0));
    let honest = frame(&mut agents);
    let mut lie = honest.clone();
    spoil(&mut lie);
    let mut untouched = agents[0].clone();
    let refused = agents[0].handle(1, Message { frame: lie, relayed: Vec::new() }).expect_err("it lies");
    assert!(expect(&refused), "{refused:?}");
    for agent in [&mut agents[0], &mut untouched] {
        agent.handle(1, Message { frame: honest.clone(), relayed: Vec::new() }).expect("it is honest");
        agent.next_round().expect("feasible");
    }
    assert_eq!(agents[0].poll(), untouched.poll(), "a refused message left a trace");
}

#[test]
fn lies_are_refused_and_leave_no_trace() {
    check_refused(|frame| frame.author = 9, |error| matches!(error, PeerError::Stranger { author: 9 }));
    check_refused(|frame| frame.reader = 2, |error| matches!(error, PeerError::Stranger { .. }));
    check_refused(|frame| words(frame).push(0.0), |error| matches!(error, PeerError::Dimension { .. }));
    check_refused(|frame| frame.offer = Offer::Scale(vec![1]), |error| matches!(error, PeerError::Dimension { .. }));
    check_refused(|frame| words(frame)[0] = f64::NAN, |error| matches!(error, PeerError::NotANumber { author: 1 }));
    check_refused(|frame| words(frame)[0] = 1e9, |error| matches!(error, PeerError::BeyondBounds { .. }));
    check_refused(|frame| frame.weights = 0, |error| matches!(error, PeerError::Stale { weights: 0, .. }));
    check_refused(|frame| words(frame)[0] = f64::INFINITY, |error| matches!(error, PeerError::BeyondBounds { .. }));
    let beyond = |number| Epoch { number, opener: 1 };
    check_refused(|frame| frame.epoch = beyond(u32::MAX), |error| matches!(error, PeerError::BeyondBounds { .. }));
    check_refused(
        |frame| frame.sums.push(Sums { lower: f64::INFINITY, ..nothing_found() }),
        |error| matches!(error, PeerError::BeyondBounds { .. }),
    );
    check_refused(|frame| frame.epoch = beyond(3), |error| matches!(error, PeerError::EpochAhead { limit: 2, .. }));
    check_refused(
        |frame| frame.reflected = Words::Steps { base: 2, scale: 1.0, steps: vec![1] },
        |error| matches!(error, PeerError::Dimension { .. } | PeerError::UnknownBase { base: 2, .. }),
    );
    check_refused(
        |frame| frame.report = Some(Report { round: 9, height: 0, residual_squared: 1.0 }),
        |error| matches!(error, PeerError::RoundAhead { round: 9, sequence: 3, .. }),
    );
    check_refused(
        |frame| frame.pace = Some(Pace { point: 1, complete: 2, at: 9000 }),
        |error| matches!(error, PeerError::RoundAhead { .. }),
    );
    check_refused(|frame| frame.weights = 7, |error| matches!(error, PeerError::Ahead { weights: 7, .. }));
}

fn words(frame: &mut Frame) -> &mut Vec<f64> {
    match &mut frame.reflected {
        Words::Whole(numbers) => numbers,
        other => panic!("so early nothing can be built on: {other:?}"),
    }
}

fn nothing_found() -> Sums {
    Sums {
        epoch: Epoch::default(),
        version: 1,
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
        mismatch_squared: 0.0,
        residual_squared: 0.0,
        scale_squared: 0.0,
    }
}

/// Turns every bit of what member 1 says to 0, one at a time, and hands over whatever is still a message.
#[test]
fn no_bytes_of_a_neighbour_stop_a_member() {
    let mut agents = agents(&network(0));
    let (mut taken, mut refused) = (0, 0);
    let honest = Message { frame: frame(&mut agents), relayed: Vec::new() }.bytes();
    for (place, was) in honest.iter().enumerate() {
        for bit in 0..8 {
            let mut bytes = honest.clone();
            bytes[place] = was ^ (1 << bit);
            let mut agent = agents[0].clone();
            match Message::decode(&bytes).map(|message| agent.handle(1, message)) {
                Ok(Ok(())) => taken += 1,
                Ok(Err(_)) | Err(_) => refused += 1,
            }
            agent.next_round().expect("what was taken is within bounds");
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[test]
fn a_verdict_on_what_was_never_evaluated_ends_nothing() {
    let network = network(1);
    let mut agents = agents(&network);
    let (none, _) = run(&mut agents, 20, |_, _, _| false);
    assert_eq!(none, None, "nothing is left to lie about");
    agents[0].next_round().expect("feasible");
    let mut lies = Vec::new();
    while let Some((to, message)) = agents[0].poll() {
        let known = agents[0].verdict().copied().expect("there is one after twenty rounds");
        let verdict = Some(Verdict { version: u64::from(u32::MAX), ..known });
        lies.push((to, Message { frame: Frame { verdict, ..message.frame }, relayed: Vec::new() }));
    }
    for (to, lie) in lies {
        let refused = agents[to].handle(0, lie).expect_err("nobody has evaluated that");
        assert!(matches!(refused, PeerError::VerdictAhead { author: 0, .. }), "{refused:?}");
    }
    let (rounds, _) = run(&mut agents, 500, |_, _, _| false);
    assert!(rounds.is_some(), "{:?}", agents[0].verdict());
}

#[test]
fn who_carries_a_lie_is_heard_all_the_same() {
    let mut agents = agents(&network(0));
    let honest = frame(&mut agents);
    let carrier = Frame { author: 2, ..honest.clone() };
    let carried = |spoil: fn(&mut Frame)| {
        let mut lie = honest.clone();
        spoil(&mut lie);
        Message { frame: Frame { reflected: Words::Nothing, ..carrier.clone() }, relayed: vec![lie] }
    };
    let check = |message: Message, expect: fn(&PeerError) -> bool| {
        let mut agent = agents[0].clone();
        let before = agent.links.iter().filter(|link| link.has_news()).count();
        let refused = agent.handle(2, message).expect_err("there is a lie in it");
        assert!(expect(&refused), "{refused:?}");
        agent.links.iter().filter(|link| link.has_news()).count() - before
    };
    let lie = carried(|frame| frame.weights = 7);
    assert_eq!(check(lie, |error| matches!(error, PeerError::Ahead { author: 1, .. })), 1);
    // A list beyond all limits is for the carrier not to pass on.
    let endless = carried(|frame| frame.reflected = Words::Whole(vec![0.0; 100_000]));
    assert_eq!(check(endless, |error| matches!(error, PeerError::TooLong { author: 1, .. })), 0);
}

#[test]
fn nobody_speaks_for_others() {
    let mut agents = agents(&network(0));
    let honest = frame(&mut agents);
    let outer = Frame { author: 2, ..honest.clone() };
    // Member 2 may pass on what 1 says to 0, but nothing in the name of a stranger.
    let forged = Message { frame: outer.clone(), relayed: vec![Frame { author: 8, ..honest.clone() }] };
    assert!(agents[0].handle(2, forged).is_err());
    let flood = Message { frame: outer, relayed: vec![honest; 100] };
    assert!(agents[0].handle(2, flood).is_err());
}

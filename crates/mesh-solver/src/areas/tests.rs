//! Runs of whole networks against the referee, and members that lie.

use super::*;
use crate::network::{Junction, Member, Share};
use crate::{QpProblem, QpRow};
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

/// A small generator of numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.roll()
    }
}

/// A ring of members. Each has variables with a random cost, an equation and rows between them; neighbours share
/// `shared` numbers of the given kind.
fn ring(seed: u64, members: usize, shared: usize, curved: bool, kind: fn(f64) -> Junction) -> Network {
    let mut dice = Dice(seed);
    let n = 4 + 2 * shared;
    let mut network = Network { members: Vec::new(), junctions: Vec::new() };
    for _ in 0..members {
        let quadratic: Vec<(usize, usize, f64)> =
            (0..n).map(|j| (j, j, if curved { dice.between(0.0, 2.0) } else { 0.0 })).collect();
        let linear = (0..n).map(|_| dice.between(-1.0, 1.0)).collect();
        // The middle of the box satisfies every row, with room.
        let row = |dice: &mut Dice, room: f64| {
            let terms: Vec<(usize, f64)> = (0..n).map(|j| (j, dice.between(-1.0, 1.0))).collect();
            QpRow { terms, lower: -room, upper: room }
        };
        let rows = vec![row(&mut dice, 0.0), row(&mut dice, 0.5), row(&mut dice, 1.0)];
        let problem = QpProblem::new(&quadratic, linear, 1.0, rows, vec![-1.0; n], vec![1.0; n]).unwrap();
        network.members.push(Member { problem, shares: Vec::new() });
    }
    for a in 0..members {
        let b = (a + 1) % members;
        for k in 0..shared {
            let junction = network.junctions.len();
            network.junctions.push(kind(dice.between(-0.2, 0.2)));
            let scale = dice.between(0.5, 2.0);
            network.members[a].shares.push(Share { junction, terms: vec![(4 + k, scale)] });
            network.members[b].shares.push(Share { junction, terms: vec![(4 + shared + k, scale), (0, 0.3)] });
        }
    }
    for member in &mut network.members {
        member.shares.sort_by_key(|share| share.junction);
    }
    network
}

/// The optimum of the whole, or none if there is no feasible point.
fn referee(network: &Network) -> Option<f64> {
    let mut offsets = vec![0];
    for member in &network.members {
        offsets.push(offsets[offsets.len() - 1] + member.problem.variables());
    }
    let n = offsets[network.members.len()];
    type Limit = (Vec<f64>, f64);
    let (mut equations, mut inequalities): (Vec<Limit>, Vec<Limit>) = (Vec::new(), Vec::new());
    let mut quadratic = vec![vec![0.0; n]; n];
    let mut linear = Vec::new();
    let mut constant = 0.0;
    for (member, offset) in network.members.iter().zip(&offsets) {
        let problem = &member.problem;
        constant += problem.constant();
        linear.extend_from_slice(problem.linear());
        for j in 0..problem.variables() {
            problem.hessian_row(j).iter().for_each(|(k, entry)| quadratic[offset + j][offset + k] = *entry);
            let mut row = vec![0.0; n];
            row[offset + j] = 1.0;
            inequalities.push((row.clone(), problem.upper()[j]));
            row[offset + j] = -1.0;
            inequalities.push((row, -problem.lower()[j]));
        }
        for row in problem.rows() {
            let mut entries = vec![0.0; n];
            row.terms.iter().for_each(|(j, entry)| entries[offset + j] = *entry);
            if row.lower == row.upper {
                equations.push((entries, row.lower));
            } else {
                inequalities.push((entries.clone(), row.upper));
                inequalities.push((entries.iter().map(|entry| -entry).collect(), -row.lower));
            }
        }
    }
    for (index, junction) in network.junctions.iter().enumerate() {
        let mut forms = Vec::new();
        for (member, offset) in network.members.iter().zip(&offsets) {
            for share in member.shares.iter().filter(|share| share.junction == index) {
                let mut row = vec![0.0; n];
                share.terms.iter().for_each(|(j, entry)| row[offset + j] = *entry);
                forms.push(row);
            }
        }
        let sum: Vec<f64> = (0..n).map(|j| forms.iter().map(|form| form[j]).sum()).collect();
        match junction {
            Junction::Consensus => equations
                .extend(forms.windows(2).map(|pair| (pair[0].iter().zip(&pair[1]).map(|(a, b)| a - b).collect(), 0.0))),
            Junction::Exchange(value) => equations.push((sum, *value)),
            Junction::Budget(value) => inequalities.push((sum, *value)),
        }
    }
    let cones = [SupportedConeT::ZeroConeT(equations.len()), SupportedConeT::NonnegativeConeT(inequalities.len())];
    let (rows, limits): (Vec<Vec<f64>>, Vec<f64>) = equations.into_iter().chain(inequalities).unzip();
    let upper: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| if i <= j { quadratic[i][j] } else { 0.0 }).collect()).collect();
    let settings = DefaultSettingsBuilder::default().verbose(false).build().unwrap();
    let (p, a) = (CscMatrix::from(&upper), CscMatrix::from(&rows));
    let mut solver = DefaultSolver::new(&p, &linear, &a, &limits, &cones, settings).unwrap();
    solver.solve();
    match solver.solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => Some(solver.solution.obj_val + constant),
        _ => None,
    }
}

fn consensus(_: f64) -> Junction {
    Junction::Consensus
}

/// Runs a network and compares the bounds with the referee's optimum.
fn check(name: &str, network: &Network) {
    let optimum = referee(network);
    let outcome = run(network, &Settings::default());
    match (outcome.verdict, optimum) {
        (Verdict::Converged(gap), Some(optimum)) => {
            let slack = 1e-6 * (1.0 + optimum.abs());
            assert!(gap.lower <= optimum + slack, "{name}: {gap:?} is above {optimum}");
            assert!(gap.upper.unwrap() >= optimum - slack, "{name}: {gap:?} is below {optimum}");
            assert!(gap.relative() <= 1e-4, "{name}: {gap:?}");
            assert_agree(name, network, &outcome.plans);
        }
        (verdict, optimum) => panic!("{name}: {verdict:?} where the referee has {optimum:?}"),
    }
}

fn assert_agree(name: &str, network: &Network, plans: &[Vec<f64>]) {
    for (index, junction) in network.junctions.iter().enumerate() {
        let values: Vec<f64> = network
            .members
            .iter()
            .zip(plans)
            .flat_map(|(member, x)| {
                member.shares.iter().filter(|share| share.junction == index).map(|share| share.of(x))
            })
            .collect();
        let sum: f64 = values.iter().sum();
        let off = match junction {
            Junction::Consensus => values.iter().map(|value| (value - values[0]).abs()).fold(0.0, f64::max),
            Junction::Exchange(value) => (sum - value).abs(),
            Junction::Budget(value) => (sum - value).max(0.0),
        };
        assert!(off <= 1e-6, "{name}: junction {index} is off by {off}");
    }
}

#[test]
fn rings_of_every_kind_reach_the_optimum() {
    for seed in 0..6 {
        for curved in [true, false] {
            check(&format!("consensus {seed} {curved}"), &ring(seed, 4, 2, curved, consensus));
            check(&format!("exchange {seed} {curved}"), &ring(seed, 3, 2, curved, Junction::Exchange));
            check(&format!("budget {seed} {curved}"), &ring(seed, 5, 1, curved, Junction::Budget));
        }
    }
}

#[test]
fn the_same_run_twice_is_the_same() {
    let network = ring(3, 4, 2, false, consensus);
    assert_eq!(run(&network, &Settings::default()), run(&network, &Settings::default()));
}

/// The same in debug and release builds and on every machine.
#[test]
fn a_small_run_is_what_it_always_was() {
    let outcome = run(&ring(3, 4, 2, true, consensus), &Settings::default());
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bits: u64| hash = (hash ^ bits).wrapping_mul(0x0100_0000_01b3);
    outcome.plans.iter().flatten().for_each(|value| take(value.to_bits()));
    take(outcome.payload_bytes);
    take(u64::from(outcome.rounds));
    assert_eq!(hash, 0x156f_6f6e_021e_b152, "{hash:#x} after {} rounds", outcome.rounds);
}

#[test]
fn what_has_no_feasible_point_is_not_called_converged() {
    // Every share is within -2.6 and 2.6, so three of them cannot add up to 9.
    let outcome = run(&ring(1, 3, 1, true, |_| Junction::Exchange(9.0)), &Settings::default());
    assert!(matches!(outcome.verdict, Verdict::Unsettled(_)), "{:?}", outcome.verdict);
}

#[test]
fn lies_are_refused_and_named() {
    let network = ring(2, 3, 1, true, consensus);
    let wiring = Wiring::of(&network);
    let agent = |index: usize| Agent::new(Settings::default(), wiring.clone(), index, &network.members[index]);
    let (mut honest, mut liar) = (agent(0), agent(1));
    let said: Vec<(usize, Message)> = liar.messages_of_round();
    let (_, message) = said.into_iter().find(|(to, _)| *to == 0).unwrap();
    let mut refuse = |change: &dyn Fn(&mut Finding), expect: fn(&PeerError) -> bool| {
        let mut lie = message.clone();
        change(&mut lie.findings[0]);
        let error = honest.handle(1, lie).expect_err("a lie");
        assert!(expect(&error), "{error}");
    };
    refuse(&|finding| finding.shares = Numbers::Double(vec![0.0; 9]), |error| {
        matches!(error, PeerError::Length { what: "shares", .. })
    });
    let of = |finding: &Finding, value: f64| Numbers::Double(vec![value; finding.shares.len()]);
    refuse(&|finding| finding.drift = of(finding, f64::NAN), |error| {
        matches!(error, PeerError::Value { what: "drift", .. })
    });
    refuse(&|finding| finding.shares = of(finding, 1e300), |error| matches!(error, PeerError::Value { .. }));
    refuse(&|finding| finding.evaluation = 7, |error| matches!(error, PeerError::OutOfTurn { evaluation: 7, .. }));
    refuse(&|finding| finding.profile = None, |error| matches!(error, PeerError::Profile { .. }));
    refuse(&|finding| finding.origin = 9, |error| matches!(error, PeerError::NoSuchMember { origin: 9 }));
    refuse(&|finding| finding.block = Numbers::Double(vec![-1.0; finding.block.len()]), |error| {
        matches!(error, PeerError::Value { .. })
    });
    assert_eq!(honest.handle(7, message.clone()), Err(PeerError::Stranger { from: 7 }));
    assert_eq!(honest.handle(1, message.clone()), Ok(()));
    let mut other = message.clone();
    other.findings[0].cost += 1.0;
    assert!(matches!(honest.handle(1, other), Err(PeerError::Contradiction { .. })));
}

/// Three members in a ring that have heard of each other, and what the second tells the first.
fn two_of_a_ring() -> (Agent, Message) {
    let network = ring(2, 3, 1, true, consensus);
    let wiring = Wiring::of(&network);
    let agent = |index: usize| Agent::new(Settings::default(), wiring.clone(), index, &network.members[index]);
    let said = agent(1).messages_of_round().into_iter().find(|(to, _)| *to == 0).unwrap();
    (agent(0), said.1)
}

#[test]
fn a_finding_comes_from_where_it_may_come_from() {
    let (mut honest, message) = two_of_a_ring();
    let finding = |origin: u16| Finding { origin, ..message.findings[0].clone() };
    let mut tell = |from: usize, findings: Vec<Finding>| honest.handle(from, Message { findings, lacking: None });
    assert_eq!(tell(1, vec![finding(0)]), Err(PeerError::Own { from: 1, evaluation: 0 }));
    assert_eq!(tell(2, vec![finding(1)]), Err(PeerError::OutOfWay { from: 2, origin: 1 }));
    assert_eq!(tell(1, vec![finding(2)]), Err(PeerError::OutOfWay { from: 1, origin: 2 }));
    assert_eq!(tell(1, vec![finding(1)]), Ok(()));
    // Once it has asked, anybody may answer.
    let asked = (0..20).flat_map(|_| honest.messages_of_round()).find_map(|(_, message)| message.lacking);
    assert_eq!(asked, Some((0, vec![2])));
    assert_eq!(honest.handle(1, Message { findings: vec![finding(2)], lacking: None }), Ok(()));
}

#[test]
fn no_more_is_taken_than_a_neighbour_can_have_to_say() {
    let (mut honest, message) = two_of_a_ring();
    let mut tell = |message: Message| honest.handle(1, message);
    let many = Message { findings: vec![message.findings[0].clone(); 10], lacking: None };
    assert_eq!(tell(many), Err(PeerError::TooMany { from: 1, what: "findings", found: 10, limit: 9 }));
    let lacking =
        |evaluation: u32, members: Vec<u16>| Message { findings: vec![], lacking: Some((evaluation, members)) };
    let what = "members that are lacked";
    assert_eq!(tell(lacking(0, vec![0; 4])), Err(PeerError::TooMany { from: 1, what, found: 4, limit: 3 }));
    assert_eq!(tell(lacking(0, vec![7])), Err(PeerError::NoSuchMember { origin: 7 }));
    assert_eq!(tell(lacking(2, vec![0])), Err(PeerError::Late { from: 1, evaluation: 2, current: 0 }));
    assert_eq!(tell(lacking(0, vec![0, 0])), Err(PeerError::Lacking { from: 1 }));
    assert_eq!(tell(lacking(0, vec![0, 2])), Ok(()));
    let relation = |within: f32| Relation { factors: vec![], value: 0.0, within };
    let mut lie = message.clone();
    if let Some(profile) = &mut lie.findings[0].profile {
        profile.basic.pop();
        profile.relations.push(relation(0.0));
    }
    assert!(matches!(tell(lie), Err(PeerError::Profile { .. })), "its factors are too few");
}

/// A neighbour that says anything at all, well formed or not: no panic, and no plan that does not fit.
#[test]
fn whatever_a_neighbour_says_no_plan_is_wrong() {
    let network = ring(2, 3, 1, true, consensus);
    let wiring = Wiring::of(&network);
    let mut dice = Dice(5);
    for _ in 0..300 {
        let mut agents: Vec<Agent> = (0..3)
            .map(|index| Agent::new(Settings::default(), wiring.clone(), index, &network.members[index]))
            .collect();
        for _ in 0..60 {
            let mut travelling = Vec::new();
            for (from, agent) in agents.iter_mut().enumerate() {
                travelling.extend(agent.messages_of_round().into_iter().map(|(to, message)| (from, to, message)));
            }
            for (from, to, mut message) in travelling {
                if from == 1 && dice.roll() < 0.3 {
                    distort(&mut message, &mut dice);
                }
                let _ = agents[to].handle(from, message);
            }
        }
        for (agent, member) in agents.iter().zip(&network.members) {
            let Some(x) = agent.plan() else { continue };
            let within = |row: &QpRow| {
                let value: f64 = row.terms.iter().map(|(j, entry)| entry * x[*j]).sum();
                row.lower - 1e-9 <= value && value <= row.upper + 1e-9
            };
            assert!(member.problem.rows().iter().all(within) && x.iter().all(|x| x.abs() <= 1.0));
        }
    }
}

fn distort(message: &mut Message, dice: &mut Dice) {
    let extremes = [0.0, -1.0, 1e-300, 1e300, f64::INFINITY, f64::NAN, 3.0, -1e15];
    let mut extreme = || extremes[(dice.roll() * 8.0) as usize];
    let value = extreme();
    for finding in &mut message.findings {
        let list = |numbers: &Numbers| Numbers::Double(vec![value; numbers.len()]);
        match (extreme() * 7.0) as i64 {
            0 => finding.shares = list(&finding.shares),
            -7 => finding.drift = list(&finding.drift),
            21 => finding.block = list(&finding.block),
            _ => {
                finding.cost = value as f32;
                finding.lower = finding.lower.map(|_| value);
                finding.upper = finding.upper.map(|_| Some(value));
                if let Some(profile) = &mut finding.profile {
                    profile.cost_size = value as f32;
                    profile.sides = value as u32;
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_proved_is_not_claimed() {
    // The same equation in other words: which plan satisfies both is a matter of rounding.
    let mut network = ring(3, 3, 1, true, consensus);
    let problem = &network.members[0].problem;
    let mut rows = problem.rows().to_vec();
    let twice = rows[0].terms.iter().map(|(j, entry)| (*j, 3.0 * entry)).collect();
    rows.push(QpRow { terms: twice, lower: 0.0, upper: 0.0 });
    let quadratic: Vec<(usize, usize, f64)> =
        (0..problem.variables()).flat_map(|j| problem.hessian_row(j).iter().map(move |(k, e)| (j, *k, *e))).collect();
    let (linear, lower, upper) = (problem.linear().to_vec(), problem.lower().to_vec(), problem.upper().to_vec());
    network.members[0].problem = QpProblem::new(&quadratic, linear, 1.0, rows, lower, upper).unwrap();
    let outcome = run(&network, &Settings::default());
    assert_eq!(outcome.verdict, Verdict::Unsettled(Unsettled::Dependent));
}

#[test]
fn a_number_that_is_fixed_for_all_is_agreed() {
    // Both members know that y = 1/4; x is shared beside it, and costs one of them.
    let member = |cost: f64| {
        let row = QpRow { terms: vec![(0, 1.0), (1, -2.0)], lower: -0.25, upper: 3.0 };
        let problem = QpProblem::new(&[], vec![cost, 0.0], 1.0, vec![row], vec![0.0, 0.25], vec![1.0, 0.25]).unwrap();
        let share = |variable: usize| Share { junction: variable, terms: vec![(variable, 1.0)] };
        Member { problem, shares: vec![share(0), share(1)] }
    };
    let network =
        Network { members: vec![member(1.0), member(-0.5)], junctions: vec![Junction::Consensus, Junction::Consensus] };
    check("fixed", &network);
}

#[test]
fn members_without_neighbours_and_bounds_that_only_follow_are_fine() {
    let mut network = ring(5, 2, 1, true, consensus);
    let alone = ring(6, 1, 1, false, Junction::Budget);
    let mut lonely = alone.members[0].clone();
    lonely.shares.clear();
    network.members.push(lonely);
    // 0 <= x + y and 0 <= y <= 1 and x <= 2 leave x between -1 and 2.
    let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 0.0, upper: f64::INFINITY };
    let (lower, upper) = (vec![f64::NEG_INFINITY, 0.0], vec![2.0, 1.0]);
    let problem = QpProblem::new(&[], vec![1.0, 0.5], 0.0, vec![row], lower, upper).unwrap();
    network.members.push(Member { problem, shares: Vec::new() });
    match run(&network, &Settings::default()).verdict {
        Verdict::Converged(gap) => assert!(gap.relative() <= 2e-4, "{gap:?}"),
        Verdict::Unsettled(why) => panic!("nothing is in the way, but {why:?}"),
    }
}

/// Messages get lost at random; what is missing is asked for.
#[test]
fn lost_messages_are_made_up_for() {
    let network = ring(4, 5, 1, true, consensus);
    let wiring = Wiring::of(&network);
    let mut agents: Vec<Agent> =
        (0..5).map(|index| Agent::new(Settings::default(), wiring.clone(), index, &network.members[index])).collect();
    let mut dice = Dice(11);
    let mut rounds = 0;
    while agents.iter().any(|agent| agent.verdict().is_none()) && rounds < 3000 {
        rounds += 1;
        let mut travelling = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            travelling.extend(agent.messages_of_round().into_iter().map(|(to, message)| (from, to, message)));
        }
        for (from, to, message) in travelling {
            if dice.roll() > 0.3 {
                agents[to].handle(from, message).unwrap();
            }
        }
    }
    let calm = run(&network, &Settings::default());
    for agent in &agents {
        assert_eq!(agent.verdict(), Some(calm.verdict));
    }
}

//! From a wiring diagram to the network that is solved: boxes become members, each number of a junction becomes one
//! junction, and what concerns a single member only becomes a row of its problem.

use crate::network::{Junction, Member, Network, Share};
use crate::problem::{Malformed, QpProblem};
use mesh_model::Real;
use mesh_model::diagram::{Diagram, Fault, JunctionKind, Label, OpenProblem};
use mesh_model::problem::{LocalProblem, Row, Term, sum_of};
use std::collections::BTreeMap;

/// Why a diagram has no network: the fault of whoever wrote it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotSolvable {
    /// The diagram means nothing.
    #[error(transparent)]
    Diagram(#[from] Fault),
    /// A problem is none that this solver takes.
    #[error("the problem in box `{name}`: {why}{}", called(variable))]
    Problem {
        /// The box.
        name: Label,
        /// What is wrong with it.
        why: Malformed,
        /// What the box calls the variable that this is about, if it is about one.
        variable: Option<String>,
    },
    /// A junction adds up shares that are all zero, to something else.
    #[error("nothing is shared at number {component} of junction `{junction}`, and it should add up to {total}")]
    NothingShared {
        /// The junction.
        junction: Label,
        /// Which of its numbers.
        component: usize,
        /// What it should add up to.
        total: f64,
    },
    /// Numbers of a junction add up to more than a number can hold.
    #[error("numbers at junction `{junction}` are too large to be added up")]
    Overflow {
        /// The junction.
        junction: Label,
    },
}

impl NotSolvable {
    /// What whoever wrote the diagram can do about it, where that is not plain.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Problem { why: Malformed::NotConvex { .. }, .. } => {
                "a cost curves upwards: make the entry of `quadratic` on the diagonal at least as large as what couples it"
            }
            Self::Problem { why: Malformed::Magnitude { .. }, .. } => {
                "a bound is one that the variable surely stays within, and certificates rest on it; or use larger units"
            }
            Self::Problem { why: Malformed::TooManyVariables { .. } | Malformed::TooManyRows { .. }, .. } => {
                "split the problem into several boxes"
            }
            Self::NothingShared { .. } => "give a port at this junction a term, or make the total zero",
            Self::Problem { .. } | Self::Diagram(_) | Self::Overflow { .. } => return None,
        })
    }
}

impl Network {
    /// The network of a diagram without open boxes, flattened. Members are in the order of the boxes' names in
    /// [`Diagram::flattened`], junctions in the order of names and numbers there. Outer ports do not change it: nobody
    /// is outside.
    ///
    /// A member that meets itself at a junction, or is alone there, gets a row in place of it, and so does one whose
    /// share is held by another's that is zero.
    pub fn from_diagram(diagram: &Diagram) -> Result<Self, NotSolvable> {
        NamedNetwork::of(diagram).map(|named| named.network)
    }
}

/// A network that knows what its members and junctions are called in the diagram that it was made from.
#[derive(Debug, Clone)]
pub struct NamedNetwork {
    /// The network.
    pub network: Network,
    /// The box of each member.
    pub members: Vec<Label>,
    /// The junction of the flattened diagram that each junction is a number of, and which.
    pub junctions: Vec<(Label, usize)>,
}

impl NamedNetwork {
    /// As [`Network::from_diagram`].
    pub fn of(diagram: &Diagram) -> Result<Self, NotSolvable> {
        let flat = diagram.flattened()?;
        let mut names = Vec::new();
        let mut open: Vec<&OpenProblem> = Vec::new();
        for (name, of) in &flat.boxes {
            open.push(of.problem().ok_or_else(|| Fault::Open { name: name.clone() })?);
            names.push(name);
        }
        let mut compiling = Compiling {
            problems: open.iter().map(|open| open.problem.clone()).collect(),
            shares: vec![Vec::new(); open.len()],
            junctions: Vec::new(),
            places: Vec::new(),
        };
        let members: BTreeMap<&Label, usize> = names.iter().enumerate().map(|(member, name)| (*name, member)).collect();
        for (name, ends) in flat.ends() {
            let junction = &flat.junctions[name];
            for component in 0..junction.width as usize {
                let mut forms: BTreeMap<usize, Vec<&[Term]>> = BTreeMap::new();
                for (of, port) in &ends {
                    let member = members[*of];
                    forms.entry(member).or_default().push(&open[member].ports[*port].forms[component]);
                }
                let place = Place { junction: name, component };
                let total = junction.total(component);
                match junction.kind {
                    JunctionKind::Consensus => compiling.consensus(place, &forms),
                    JunctionKind::Exchange => compiling.sum(place, &forms, Junction::Exchange(total), total),
                    JunctionKind::Budget => compiling.sum(place, &forms, Junction::Budget(total), total),
                }?;
            }
        }
        compiling.named(&names)
    }
}

/// Every problem of a sound diagram that the solver does not take; open boxes have none.
pub fn refused_problems(diagram: &Diagram) -> Vec<NotSolvable> {
    let Ok(flat) = diagram.flattened() else { return Vec::new() };
    let problems = flat.boxes.iter().filter_map(|(name, of)| Some((name, &of.problem()?.problem)));
    problems.filter_map(|(name, problem)| taken(name, problem).err()).collect()
}

fn taken(name: &Label, problem: &LocalProblem) -> Result<QpProblem, NotSolvable> {
    QpProblem::from_local(problem).map_err(|why| {
        let variable = match &why {
            Malformed::NotConvex { variable, .. } => Some(*variable),
            Malformed::Magnitude { what: "the lower bound" | "the upper bound", place, .. } => Some(*place),
            _ => None,
        };
        let variable = variable.and_then(|place| problem.variables.get(place)).map(|variable| variable.name.clone());
        NotSolvable::Problem { name: name.clone(), why, variable }
    })
}

fn called(variable: &Option<String>) -> String {
    variable.as_ref().map_or_else(String::new, |name| format!(", which it calls `{name}`"))
}

/// One number of a junction of the diagram.
#[derive(Clone, Copy)]
struct Place<'a> {
    junction: &'a Label,
    component: usize,
}

/// The forms that each member has at one place.
type Forms<'a> = BTreeMap<usize, Vec<&'a [Term]>>;

/// The network in the making.
struct Compiling {
    problems: Vec<LocalProblem>,
    shares: Vec<Vec<Share>>,
    junctions: Vec<Junction>,
    /// What number of which junction of the diagram each junction is.
    places: Vec<(Label, usize)>,
}

impl Compiling {
    /// All forms are equal: those of one member by rows of its own, the first of each by a junction. If any of them is
    /// zero all are, each by a row.
    fn consensus(&mut self, place: Place<'_>, forms: &Forms<'_>) -> Result<(), NotSolvable> {
        let nothing = forms.values().flatten().any(|form| is_zero(form));
        for (member, own) in forms {
            let mut held: Vec<Vec<Term>> = Vec::new();
            for form in own.iter().skip(usize::from(!nothing)) {
                let against: Vec<Term> = own[0].iter().map(|(variable, by)| (*variable, by.opposite())).collect();
                let against: &[Term] = if nothing { &[] } else { &against };
                held.push(sum_of([*form, against]).map_err(|_| place.overflow())?);
            }
            for terms in held.into_iter().filter(|terms| !is_zero(terms)) {
                self.row(place, *member, terms, Real::ZERO, JunctionKind::Exchange);
            }
        }
        if !nothing && forms.len() > 1 {
            let first = forms.iter().map(|(member, own)| (*member, own[0].to_vec())).collect();
            self.join(place, Junction::Consensus, first);
        }
        Ok(())
    }

    /// The forms add up to `total`, exactly or at most.
    fn sum(&mut self, place: Place<'_>, forms: &Forms<'_>, junction: Junction, total: f64) -> Result<(), NotSolvable> {
        let limit = Real::new(total).map_err(|_| place.overflow())?;
        let mut shares = Vec::new();
        for (member, own) in forms {
            let terms = sum_of(own.iter().copied()).map_err(|_| place.overflow())?;
            if !is_zero(&terms) {
                shares.push((*member, terms));
            }
        }
        let kind = if matches!(junction, Junction::Budget(_)) { JunctionKind::Budget } else { JunctionKind::Exchange };
        match shares.len() {
            0 if total == 0.0 || (kind == JunctionKind::Budget && total > 0.0) => {}
            0 => {
                let Place { junction, component } = place;
                return Err(NotSolvable::NothingShared { junction: junction.clone(), component, total });
            }
            1 => shares.into_iter().for_each(|(member, terms)| self.row(place, member, terms, limit, kind)),
            _ => self.join(place, junction, shares),
        }
        Ok(())
    }

    fn row(&mut self, place: Place<'_>, member: usize, terms: Vec<Term>, limit: Real, kind: JunctionKind) {
        let name = format!("{}[{}]", place.junction, place.component);
        let problem = &mut self.problems[member];
        problem.rows.push(match kind {
            JunctionKind::Budget => Row::at_most(name, terms, limit, &problem.variables),
            JunctionKind::Consensus | JunctionKind::Exchange => Row { name, terms, lower: limit, upper: limit },
        });
    }

    fn join(&mut self, place: Place<'_>, junction: Junction, shares: Vec<(usize, Vec<Term>)>) {
        let number = self.junctions.len();
        self.junctions.push(junction);
        self.places.push((place.junction.clone(), place.component));
        for (member, terms) in shares {
            let terms = terms.into_iter().map(|(variable, by)| (variable as usize, by.value())).collect();
            self.shares[member].push(Share { junction: number, terms });
        }
    }

    fn named(self, names: &[&Label]) -> Result<NamedNetwork, NotSolvable> {
        let mut members = Vec::new();
        for ((problem, shares), name) in self.problems.iter().zip(self.shares).zip(names) {
            members.push(Member { problem: taken(name, problem)?, shares });
        }
        let network = Network { members, junctions: self.junctions };
        let members = names.iter().map(|name| (*name).clone()).collect();
        Ok(NamedNetwork { network, members, junctions: self.places })
    }
}

impl Place<'_> {
    fn overflow(&self) -> NotSolvable {
        NotSolvable::Overflow { junction: self.junction.clone() }
    }
}

fn is_zero(form: &[Term]) -> bool {
    form.iter().all(|(_, by)| *by == Real::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_model::diagram::{DiagramJunction, Inside, OpenPort};
    use mesh_model::problem::{Objective, Variable, Window};
    use mesh_model::{AssetId, MissionTime};

    fn label(text: &str) -> Label {
        Label::new(text).expect("a good label")
    }

    fn real(value: f64) -> Real {
        Real::new(value).expect("finite")
    }

    /// Two variables between 0 and 1 without cost; one port for each of `forms`, at junction `j`.
    fn diagram(junction: DiagramJunction, boxes: &[(&str, &[&[Term]])]) -> Diagram {
        let mut diagram = Diagram::new();
        diagram.add_junction(label("j"), junction).expect("new");
        for (name, forms) in boxes {
            let variable = Variable { name: "x".to_owned(), lower: Real::ZERO, upper: Real::ONE };
            let problem = LocalProblem {
                asset: AssetId::new(name).expect("a good name"),
                domain: "test".to_owned(),
                version: 1,
                window: Window { start: MissionTime::ZERO, step_s: 1, steps: 1 },
                variables: vec![variable; 2],
                objective: Objective { linear: vec![Real::ZERO; 2], ..Objective::default() },
                rows: Vec::new(),
                ports: Vec::new(),
            };
            let port = |number: usize| label(&format!("p{number}"));
            let ports = forms.iter().enumerate().map(|(i, form)| (port(i), OpenPort { forms: vec![form.to_vec()] }));
            let open = OpenProblem::new(problem, ports.collect());
            diagram.add_box(label(name), Inside::Problem(Box::new(open))).expect("new");
            (0..forms.len()).for_each(|i| diagram.wire(&label(name), port(i), label("j")).expect("new"));
        }
        diagram
    }

    /// Rows of each member, and the junctions with their shares.
    fn check(junction: DiagramJunction, boxes: &[(&str, &[&[Term]])], rows: &[usize], junctions: &[(Junction, usize)]) {
        let network = Network::from_diagram(&diagram(junction, boxes)).expect("it can be solved");
        assert_eq!(network.members.iter().map(|member| member.problem.rows().len()).collect::<Vec<_>>(), rows);
        let found: Vec<(Junction, usize)> = (0..network.junctions.len())
            .map(|number| (network.junctions[number], network.members_at(number).len()))
            .collect();
        assert_eq!(found, junctions);
    }

    const X: &[Term] = &[(0, Real::ONE)];
    const Y: &[Term] = &[(1, Real::ONE)];

    #[test]
    fn members_that_meet_others_share() {
        check(DiagramJunction::consensus(1), &[("a", &[X]), ("b", &[Y])], &[0, 0], &[(Junction::Consensus, 2)]);
        let three: [(&str, &[&[Term]]); 3] = [("a", &[X]), ("b", &[X]), ("c", &[Y])];
        check(DiagramJunction::budget(vec![real(2.0)]), &three, &[0; 3], &[(Junction::Budget(2.0), 3)]);
    }

    #[test]
    fn what_concerns_one_member_is_a_row_of_its_own() {
        check(DiagramJunction::consensus(1), &[("a", &[X, Y]), ("b", &[X])], &[1, 0], &[(Junction::Consensus, 2)]);
        check(DiagramJunction::consensus(1), &[("a", &[X, &[]]), ("b", &[X])], &[1, 1], &[]);
        check(DiagramJunction::exchange(vec![real(1.0)]), &[("a", &[X, Y]), ("b", &[&[]])], &[1, 0], &[]);
        check(DiagramJunction::budget(vec![real(1.0)]), &[("a", &[X])], &[1], &[]);
    }

    #[test]
    fn shares_of_nothing_add_up_to_nothing() {
        check(DiagramJunction::budget(vec![real(1.0)]), &[("a", &[&[]])], &[0], &[]);
        let nothing = diagram(DiagramJunction::exchange(vec![real(1.0)]), &[("a", &[&[]])]);
        let expect = NotSolvable::NothingShared { junction: label("j"), component: 0, total: 1.0 };
        assert_eq!(Network::from_diagram(&nothing).err(), Some(expect));
    }

    #[test]
    fn a_problem_that_is_not_convex_is_named() {
        let mut saddle = diagram(DiagramJunction::consensus(1), &[("a", &[X]), ("b", &[X])]);
        let Inside::Problem(open) = &mut saddle.boxes.get_mut(&label("b")).expect("a box").inside else {
            panic!("a problem");
        };
        open.problem.objective.quadratic.push((0, 0, real(-1.0)));
        let refused = Network::from_diagram(&saddle).expect_err("it is not convex");
        assert!(matches!(&refused, NotSolvable::Problem { name, .. } if *name == label("b")));
        assert_eq!(refused_problems(&saddle), std::slice::from_ref(&refused));
        let told = refused.to_string();
        assert!(told.contains("eigenvalue -1,") && told.contains("which it calls `x`"), "{told}");
    }

    #[test]
    fn members_and_junctions_keep_their_names() {
        let two = diagram(DiagramJunction::consensus(1), &[("a", &[X]), ("b", &[Y])]);
        let named = NamedNetwork::of(&two).expect("it can be solved");
        assert_eq!(named.members, [label("a"), label("b")]);
        assert_eq!(named.junctions, [(label("j"), 0)]);
        assert_eq!(named.network.junctions.len(), 1);
    }
}

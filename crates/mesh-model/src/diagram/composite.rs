//! All problems of a diagram as one: what a central planner that sees everything would solve.

use super::fault::Fault;
use super::label::Label;
use super::{Diagram, DiagramJunction, JunctionKind, OpenProblem};
use crate::problem::{LocalProblem, Objective, Row, Term, Variable, Window, sum_of};
use crate::{AssetId, MissionTime, Real};
use std::collections::BTreeMap;

/// One problem with the variables of all boxes side by side, and junctions as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Composite {
    /// The problem, of an asset that is called `composite`.
    pub problem: LocalProblem,
    /// Where the variables of each box begin.
    pub offsets: BTreeMap<Label, u32>,
}

impl Composite {
    /// The part of a solution that belongs to box `name`.
    pub fn part<'a>(&self, values: &'a [f64], name: &Label) -> Option<&'a [f64]> {
        let begin = *self.offsets.get(name)?;
        let end = self.offsets.values().copied().filter(|offset| *offset > begin).min();
        values.get(begin as usize..end.map_or(values.len(), |end| end as usize))
    }
}

/// The composite of a diagram without open boxes, flattened, in the order of the boxes' names. Nobody is outside: outer
/// ports do not change it. Its window is that of the first box.
pub fn composite(diagram: &Diagram) -> Result<Composite, Fault> {
    let flat = diagram.flattened()?;
    let mut whole = Whole::default();
    let mut window = None;
    for (name, of) in &flat.boxes {
        let open = of.problem().ok_or_else(|| Fault::Open { name: name.clone() })?;
        window.get_or_insert(open.problem.window);
        whole.take_in(name, &open.problem)?;
    }
    for (name, ends) in flat.ends() {
        let forms = |component: usize| -> Vec<Vec<Term>> {
            let ports = ends.iter().filter_map(|(of, port)| {
                let open: &OpenProblem = flat.boxes.get(*of)?.problem()?;
                Some((whole.offsets[*of], open.ports.get(*port)?.forms.get(component)?))
            });
            ports.map(|(offset, form)| form.iter().map(|(variable, by)| (offset + variable, *by)).collect()).collect()
        };
        let junction = &flat.junctions[name];
        for component in 0..junction.width as usize {
            whole.rows.extend(rows_of(name, junction, component, &forms(component), &whole.variables)?);
        }
    }
    let Whole { variables, objective, rows, offsets } = whole;
    let problem = LocalProblem {
        asset: AssetId::new("composite").expect("it is a lower-case word"),
        domain: "composite".to_owned(),
        version: super::DIAGRAM_VERSION,
        window: window.unwrap_or(Window { start: MissionTime::ZERO, step_s: 0, steps: 0 }),
        variables,
        objective,
        rows,
        ports: Vec::new(),
    };
    Ok(Composite { problem, offsets })
}

/// The composite in the making.
#[derive(Default)]
struct Whole {
    variables: Vec<Variable>,
    objective: Objective,
    rows: Vec<Row>,
    offsets: BTreeMap<Label, u32>,
}

impl Whole {
    fn take_in(&mut self, name: &Label, problem: &LocalProblem) -> Result<(), Fault> {
        let count = self.variables.len() + problem.variables.len();
        let too_many = Fault::TooMany { what: "variables of the composite", count, limit: VARIABLES_MAX };
        let offset = u32::try_from(self.variables.len()).map_err(|_| too_many.clone())?;
        if count > VARIABLES_MAX {
            return Err(too_many);
        }
        self.offsets.insert(name.clone(), offset);
        let LocalProblem { variables, objective, rows, .. } = problem;
        let called = |inner: &str| format!("{name}: {inner}");
        self.variables.extend(variables.iter().map(|one| Variable { name: called(&one.name), ..one.clone() }));
        let quadratic = objective.quadratic.iter().map(|(row, column, entry)| (offset + row, offset + column, *entry));
        self.objective.quadratic.extend(quadratic);
        self.objective.linear.extend(&objective.linear);
        let constant = self.objective.constant.value() + objective.constant.value();
        self.objective.constant =
            Real::new(constant).map_err(|_| Fault::Overflow { what: "constants of the costs" })?;
        self.rows.extend(rows.iter().map(|row| Row {
            name: called(&row.name),
            terms: row.terms.iter().map(|(variable, by)| (offset + variable, *by)).collect(),
            ..row.clone()
        }));
        Ok(())
    }
}

/// What one number of a junction says of its shares, each a linear form of `variables`.
fn rows_of(
    name: &Label,
    junction: &DiagramJunction,
    component: usize,
    forms: &[Vec<Term>],
    variables: &[Variable],
) -> Result<Vec<Row>, Fault> {
    let called = |end: usize| match junction.kind {
        JunctionKind::Consensus => format!("{name}[{component}] at {end}"),
        JunctionKind::Exchange | JunctionKind::Budget => format!("{name}[{component}]"),
    };
    let overflow = |_| Fault::Overflow { what: "shares of one junction" };
    let total = Real::new(junction.total(component)).map_err(|_| Fault::Overflow { what: "parts of one total" })?;
    let sum = || sum_of(forms.iter().map(Vec::as_slice)).map_err(overflow);
    Ok(match junction.kind {
        JunctionKind::Consensus => forms
            .iter()
            .enumerate()
            .skip(1)
            .map(|(end, form)| {
                let opposite: Vec<Term> = forms[0].iter().map(|(variable, by)| (*variable, by.opposite())).collect();
                let terms = sum_of([form.as_slice(), &opposite]).map_err(overflow)?;
                Ok(Row { name: called(end), terms, lower: Real::ZERO, upper: Real::ZERO })
            })
            .collect::<Result<_, Fault>>()?,
        JunctionKind::Exchange => vec![Row { name: called(0), terms: sum()?, lower: total, upper: total }],
        JunctionKind::Budget => vec![Row::at_most(called(0), sum()?, total, variables)],
    })
}

/// Most variables of a composite.
const VARIABLES_MAX: usize = 10_000_000;

//! Reads MATPOWER case files: what the columns of `bus`, `gen`, `branch` and `gencost` mean, and `baseMVA`.

use super::case::{Branch, Bus, Case, Generator};
use super::statements::{Mistake, TableRow, Tables, mistake};
use crate::optimiser::SuiteError;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a file.
pub const BYTES_MAX: u64 = 64 << 20;
/// Widest difference of angles over a branch, in degrees; no limit in the file means this one.
pub const ANGLE_DEGREES_MAX: f64 = 60.0;
/// Largest number that is taken for a quantity of a grid.
pub const QUANTITY_MAX: f64 = 1e9;

/// Reads one case.
pub fn read(path: &Path) -> Result<Case, SuiteError> {
    let unreadable = |why| SuiteError::Unreadable { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        let reason = format!("the file is longer than {BYTES_MAX} bytes");
        return Err(SuiteError::BadFile { path: path.to_owned(), line: 1, reason });
    }
    // Comments may hold names in any encoding; whatever is not text there is of no concern.
    parse(path, &String::from_utf8_lossy(&bytes))
}

/// Understands the text of one case; `path` is for errors and the name.
pub fn parse(path: &Path, text: &str) -> Result<Case, SuiteError> {
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let bad = |mistake: Mistake| SuiteError::BadFile {
        path: PathBuf::from(path),
        line: mistake.line,
        reason: mistake.reason,
    };
    Tables::of(text).and_then(|tables| tables.case(name)).map_err(bad)
}

/// Where the bus of each number stands; None if it is isolated.
type Places = BTreeMap<u64, Option<usize>>;

impl Tables {
    fn case(&self, name: String) -> Result<Case, Mistake> {
        let Some(base) = &self.base_mva else { return mistake(self.lines, "the file ends without mpc.baseMVA") };
        let base_mva = base.quantity("baseMVA", 0)?;
        if base_mva < 1e-3 {
            return mistake(base.line, format!("mpc.baseMVA is {base_mva}, expected at least 0.001"));
        }
        let (numbers, buses) = self.buses(base_mva)?;
        let generators = self.generators(base_mva, &numbers)?;
        let branches = self.branches(base_mva, &numbers)?;
        Ok(Case { name, base_mva, buses, generators, branches })
    }

    /// The buses, and where each number stands.
    fn buses(&self, base_mva: f64) -> Result<(Places, Vec<Bus>), Mistake> {
        let (line, rows) = self.table("bus")?;
        let (mut numbers, mut buses) = (BTreeMap::new(), Vec::new());
        for row in rows {
            row.columns("bus", 13)?;
            let id = row.whole("a bus number", 0)?;
            let kind = row.whole("a bus type", 1)?;
            if !(1..=4).contains(&kind) {
                return mistake(row.line, format!("bus {id} has type {kind}, expected 1 to 4"));
            }
            // Pd and Gs; the voltage is one per unit.
            let demand = (row.quantity("Pd", 2)? + row.quantity("Gs", 4)?) / base_mva;
            let area = row.whole("an area", 6)?;
            let place = (kind != 4).then_some(buses.len());
            if numbers.insert(id, place).is_some() {
                return mistake(row.line, format!("bus {id} is given twice"));
            }
            if kind != 4 {
                buses.push(Bus { id, area, demand, reference: kind == 3 });
            }
        }
        if !buses.iter().any(|bus| bus.reference) {
            return mistake(line, "no bus is the reference: expected one of type 3");
        }
        Ok((numbers, buses))
    }

    fn generators(&self, base_mva: f64, numbers: &Places) -> Result<Vec<Generator>, Mistake> {
        let (_, rows) = self.table("gen")?;
        let (cost_line, costs) = self.table("gencost")?;
        // A second half, if any, is the cost of reactive power.
        if costs.len() != rows.len() && costs.len() != 2 * rows.len() {
            let reason = format!("mpc.gencost has {} rows for {} generators", costs.len(), rows.len());
            return mistake(cost_line, reason);
        }
        let mut generators = Vec::new();
        for (row, cost) in rows.iter().zip(costs) {
            row.columns("gen", 10)?;
            let bus = row.bus(0, numbers)?;
            let running = row.quantity("a generator's status", 7)? > 0.0;
            let (upper, lower) = (row.quantity("Pmax", 8)? / base_mva, row.quantity("Pmin", 9)? / base_mva);
            if lower > upper {
                return mistake(row.line, "a generator's Pmin is above its Pmax");
            }
            let [quadratic, linear, constant] = cost.polynomial()?;
            if let (Some(bus), true) = (bus, running) {
                let (quadratic, linear) = (quadratic * base_mva * base_mva, linear * base_mva);
                generators.push(Generator { bus, lower, upper, quadratic, linear, constant });
            }
        }
        Ok(generators)
    }

    fn branches(&self, base_mva: f64, numbers: &Places) -> Result<Vec<Branch>, Mistake> {
        let (_, rows) = self.table("branch")?;
        let mut branches = Vec::new();
        for row in rows {
            row.columns("branch", 11)?;
            let (from, to) = (row.bus(0, numbers)?, row.bus(1, numbers)?);
            let running = row.quantity("a branch's status", 10)? > 0.0;
            let (resistance, reactance) = (row.quantity("r", 2)?, row.quantity("x", 3)?);
            let (lower, upper) = row.angles()?;
            let rate = row.values[5];
            if rate < 0.0 {
                return mistake(row.line, format!("a branch's rate A is {rate}, expected at least 0, where 0 is none"));
            }
            let (Some(from), Some(to), true) = (from, to, running) else { continue };
            if from == to {
                return mistake(row.line, "a branch ends where it begins");
            }
            let susceptance = reactance / (resistance * resistance + reactance * reactance);
            // A branch without reactance carries nothing in this model; one without either is no branch.
            if susceptance != 0.0 && !(1.0 / QUANTITY_MAX..=QUANTITY_MAX).contains(&susceptance.abs()) {
                return mistake(row.line, format!("r = {resistance} and x = {reactance} make no susceptance"));
            }
            let span = if rate > 0.0 { rate / base_mva / susceptance.abs() } else { f64::INFINITY };
            let (lower, upper) = (lower.max(-span), upper.min(span));
            if lower > upper {
                return mistake(row.line, "a branch's angle limits exclude every flow that its rate A allows");
            }
            branches.push(Branch { from, to, susceptance, lower, upper });
        }
        Ok(branches)
    }
}

impl TableRow {
    fn columns(&self, table: &str, least: usize) -> Result<(), Mistake> {
        match self.values.len() {
            given if given < least => {
                mistake(self.line, format!("a row of mpc.{table} has {given} columns, expected at least {least}"))
            }
            _ => Ok(()),
        }
    }

    /// A number of reasonable size.
    fn quantity(&self, what: &str, column: usize) -> Result<f64, Mistake> {
        let value = self.values[column];
        if value.abs() <= QUANTITY_MAX {
            return Ok(value);
        }
        mistake(self.line, format!("{what} is {value}, expected a number within {QUANTITY_MAX:e}"))
    }

    fn whole(&self, what: &str, column: usize) -> Result<u64, Mistake> {
        let value = self.values[column];
        if (0.0..=QUANTITY_MAX).contains(&value) && value.fract() == 0.0 {
            return Ok(value as u64);
        }
        mistake(self.line, format!("{value} is not {what}: expected a whole number from 0 to {QUANTITY_MAX:e}"))
    }

    /// The place of the bus that a column names; None if it is isolated.
    fn bus(&self, column: usize, numbers: &Places) -> Result<Option<usize>, Mistake> {
        let id = self.whole("a bus number", column)?;
        match numbers.get(&id) {
            Some(place) => Ok(*place),
            None => mistake(self.line, format!("there is no bus {id} in mpc.bus")),
        }
    }

    /// The coefficients of a cost of degree 2 at most, highest first.
    fn polynomial(&self) -> Result<[f64; 3], Mistake> {
        self.columns("gencost", 4)?;
        let model = self.whole("a cost model", 0)?;
        if model != 2 {
            return mistake(self.line, format!("cost model {model} is not known: expected 2, a polynomial"));
        }
        let count = self.whole("a number of coefficients", 3)? as usize;
        self.columns("gencost", count.saturating_add(4))?;
        let mut coefficients = [0.0; 3];
        for power in 0..count {
            let value = self.quantity("a cost coefficient", 3 + count - power)?;
            match coefficients.get_mut(2_usize.wrapping_sub(power)) {
                Some(coefficient) => *coefficient = value,
                None if value == 0.0 => {}
                None => {
                    return mistake(self.line, format!("a cost of degree {power}: expected degree 2 at most"));
                }
            }
        }
        if coefficients[0] < 0.0 {
            return mistake(self.line, format!("the quadratic cost {} is negative: not convex", coefficients[0]));
        }
        Ok(coefficients)
    }

    /// Limits on the difference of angles, in radians; two zeros are no limits.
    fn angles(&self) -> Result<(f64, f64), Mistake> {
        let (lower, upper) = match (self.values.get(11), self.values.get(12)) {
            (Some(lower), Some(upper)) if *lower != 0.0 || *upper != 0.0 => (*lower, *upper),
            _ => (-ANGLE_DEGREES_MAX, ANGLE_DEGREES_MAX),
        };
        let (lower, upper) = (lower.max(-ANGLE_DEGREES_MAX), upper.min(ANGLE_DEGREES_MAX));
        if lower > upper {
            let reason = format!("the angle limits leave {lower} to {upper} degrees, which is nothing");
            return mistake(self.line, reason);
        }
        Ok((lower.to_radians(), upper.to_radians()))
    }
}

//! Optima that were published for the OR-Library's instances (maximisation).

/// The published optimum of problem `number`, from 1, of file `gap<file>.txt`, if the size is that of the class.
pub fn optimum(file: u32, number: usize, (agents, tasks): (usize, usize)) -> Option<f64> {
    let class = CLASSES.iter().find(|class| class.file == file && (class.agents, class.tasks) == (agents, tasks))?;
    class.optima.get(number.checked_sub(1)?).copied()
}

struct Class {
    file: u32,
    agents: usize,
    tasks: usize,
    optima: [f64; 5],
}

/// The classes whose optima are known here.
const CLASSES: [Class; 6] = [
    Class { file: 1, agents: 5, tasks: 15, optima: [336.0, 327.0, 339.0, 341.0, 326.0] },
    Class { file: 2, agents: 5, tasks: 20, optima: [434.0, 436.0, 420.0, 419.0, 428.0] },
    Class { file: 3, agents: 5, tasks: 25, optima: [580.0, 564.0, 573.0, 570.0, 564.0] },
    Class { file: 4, agents: 5, tasks: 30, optima: [656.0, 644.0, 673.0, 647.0, 664.0] },
    Class { file: 5, agents: 8, tasks: 24, optima: [563.0, 558.0, 564.0, 568.0, 559.0] },
    Class { file: 8, agents: 8, tasks: 48, optima: [1133.0, 1134.0, 1141.0, 1117.0, 1127.0] },
];

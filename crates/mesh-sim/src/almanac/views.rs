//! Stretches of time in which something is in view: found on whole seconds, joined, cut and measured.

/// A stretch of mission time on whole seconds: in view from `from_s` on, at `until_s` no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    /// First second in view.
    pub from_s: u64,
    /// First second after it that is not.
    pub until_s: u64,
}

/// When `visible` holds, between the seconds 0 and `end_s`. It is looked at once a minute and the changes in between
/// are found by bisection, so that a view of less than a minute may be missed.
pub(crate) fn contacts(end_s: u64, visible: impl Fn(u64) -> bool) -> Vec<Contact> {
    let mut contacts = Vec::new();
    let mut began = visible(0).then_some(0);
    let mut before = 0;
    while before < end_s {
        let after = (before + SCAN_S).min(end_s);
        let is = visible(after);
        if is != began.is_some() {
            let change = first_change(before, after, is, &visible);
            match began.take() {
                None => began = Some(change),
                Some(from_s) => contacts.push(Contact { from_s, until_s: change }),
            }
        }
        before = after;
    }
    contacts.extend(began.filter(|from_s| *from_s < end_s).map(|from_s| Contact { from_s, until_s: end_s }));
    contacts
}

/// The first second in `before..=after` that is as `after` is, when there is one change between them.
fn first_change(mut before: u64, mut after: u64, is: bool, visible: &impl Fn(u64) -> bool) -> u64 {
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if visible(middle) == is { after = middle } else { before = middle }
    }
    after
}

/// When both are in view.
pub(crate) fn both(a: &[Contact], b: &[Contact]) -> Vec<Contact> {
    let (mut i, mut j, mut common) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        let (from_s, until_s) = (a[i].from_s.max(b[j].from_s), a[i].until_s.min(b[j].until_s));
        if from_s < until_s {
            common.push(Contact { from_s, until_s });
        }
        if a[i].until_s < b[j].until_s { i += 1 } else { j += 1 }
    }
    common
}

/// When at least one is in view.
pub(crate) fn either(a: &[Contact], b: &[Contact]) -> Vec<Contact> {
    let mut all: Vec<Contact> = a.iter().chain(b).copied().collect();
    all.sort();
    let mut joined: Vec<Contact> = Vec::new();
    for contact in all {
        match joined.last_mut() {
            Some(last) if contact.from_s <= last.until_s => last.until_s = last.until_s.max(contact.until_s),
            _ => joined.push(contact),
        }
    }
    joined
}

/// When there is no view, up to `end_s`.
pub(crate) fn gaps(contacts: &[Contact], end_s: u64) -> Vec<Contact> {
    let mut gaps = Vec::new();
    let mut from_s = 0;
    for contact in contacts {
        if contact.from_s.min(end_s) > from_s {
            gaps.push(Contact { from_s, until_s: contact.from_s.min(end_s) });
        }
        from_s = contact.until_s;
    }
    if from_s < end_s {
        gaps.push(Contact { from_s, until_s: end_s });
    }
    gaps
}

/// The share of each step that is in view.
pub(crate) fn shares(contacts: &[Contact], step_s: u32, steps: usize) -> Vec<f64> {
    let share = |step: usize| {
        let from_s = u64::from(step_s) * step as u64;
        let step_span = [Contact { from_s, until_s: from_s + u64::from(step_s) }];
        let seconds: u64 = both(contacts, &step_span).iter().map(|part| part.until_s - part.from_s).sum();
        seconds as f64 / f64::from(step_s)
    };
    (0..steps).map(share).collect()
}

/// Whether `second` lies in one of the contacts.
pub(crate) fn holds(contacts: &[Contact], second: u64) -> bool {
    let after = contacts.partition_point(|contact| contact.from_s <= second);
    after > 0 && second < contacts[after - 1].until_s
}

const SCAN_S: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pairs: &[(u64, u64)]) -> Vec<Contact> {
        pairs.iter().map(|&(from_s, until_s)| Contact { from_s, until_s }).collect()
    }

    #[test]
    fn crossings_are_found_to_the_second() {
        let visible = |s: u64| s < 61 || (500..977).contains(&s) || s >= 1499;
        assert_eq!(contacts(1500, visible), spans(&[(0, 61), (500, 977), (1499, 1500)]));
        assert_eq!(contacts(100, |_| false), []);
    }

    #[test]
    fn spans_are_joined_cut_and_measured() {
        let (a, b) = (spans(&[(0, 10), (20, 30)]), spans(&[(5, 22), (28, 40)]));
        assert_eq!(both(&a, &b), spans(&[(5, 10), (20, 22), (28, 30)]));
        assert_eq!(either(&a, &b), spans(&[(0, 40)]));
        assert_eq!(gaps(&a, 50), spans(&[(10, 20), (30, 50)]));
        assert_eq!(gaps(&b, 4), spans(&[(0, 4)]));
        assert_eq!(shares(&a, 20, 2), [0.5, 0.5]);
        assert!(holds(&a, 0) && !holds(&a, 10) && holds(&a, 29) && !holds(&a, 30));
    }
}

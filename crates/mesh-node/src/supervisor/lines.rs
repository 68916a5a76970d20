//! Text of a process in lines that can be shown: of limited length, UTF-8, without control characters.

use std::io::{self, BufRead};

/// Longest line that is passed on, in bytes as they were read. The rest of a longer one is counted and dropped.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// Reads the next line; none at the end.
pub(super) fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut bytes_cut = 0usize;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        if available.is_empty() {
            let is_end = line.is_empty() && bytes_cut == 0;
            return Ok((!is_end).then(|| shown(&line, bytes_cut)));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let content = &available[..end.unwrap_or(available.len())];
        let taken = content.len().min(LINE_BYTES_MAX - line.len());
        line.extend_from_slice(&content[..taken]);
        bytes_cut = bytes_cut.saturating_add(content.len() - taken);
        let consumed = content.len() + usize::from(end.is_some());
        input.consume(consumed);
        if end.is_some() {
            return Ok(Some(shown(&line, bytes_cut)));
        }
    }
}

fn shown(line: &[u8], bytes_cut: usize) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut text = String::with_capacity(line.len());
    for character in String::from_utf8_lossy(line).chars() {
        // A terminal must not obey what a process, or a peer through its log, has written.
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    if bytes_cut > 0 {
        text.push_str(&format!(" ... and {bytes_cut} bytes more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn check(input: &[u8], expect: &[&str]) {
        // Also in pieces of three bytes, so that lines and characters are torn.
        for capacity in [3, 1 << 16] {
            let mut reader = BufReader::with_capacity(capacity, input);
            let mut lines = Vec::new();
            while let Some(line) = next_line(&mut reader).expect("memory can be read") {
                lines.push(line);
            }
            assert_eq!(lines, expect, "{:?}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn lines_end_at_newlines_and_at_the_end() {
        check(b"", &[]);
        check(b"one\ntwo\r\n\nthree", &["one", "two", "", "three"]);
        check("Größe\n".as_bytes(), &["Größe"]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        check(b"a\xff\xfeb\n", &["a\u{fffd}\u{fffd}b"]);
        check(b"\x1b[2Jgone\tleft\x07\n", &["\\u{1b}[2Jgone\tleft\\u{7}"]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let fits = "x".repeat(LINE_BYTES_MAX);
        check(format!("{fits}\nnext\n").as_bytes(), &[&fits, "next"]);
        check(format!("{fits}yy\nnext\n").as_bytes(), &[&format!("{fits} ... and 2 bytes more"), "next"]);
        check(format!("{fits}{fits}").as_bytes(), &[&format!("{fits} ... and {LINE_BYTES_MAX} bytes more")]);
    }
}

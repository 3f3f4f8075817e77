//! How deep JSON is nested, before anybody parses it.

/// Whether more than `max` arrays and objects stand in one another in `json`, or seem to: what is no
/// JSON is judged by its brackets, and refused by whoever parses it.
#[must_use]
pub fn is_deeper_than(max: usize, json: &[u8]) -> bool {
    // Nearly always there are too few to be too deep, and counting is quick.
    if json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= max {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_deeper_than;

    #[test]
    fn only_what_stands_in_one_another_counts() {
        for (max, json) in [
            (0, "7"),
            (1, r#"{"a":"[[[["}"#),
            (1, r#"["\"[[", "\\", 1]"#),
            (2, "[[],{},[],{},[]]"),
            (3, r#"{"a":[{"b":1}]}"#),
        ] {
            assert!(!is_deeper_than(max, json.as_bytes()), "{json}");
            assert!(max == 0 || is_deeper_than(max - 1, json.as_bytes()), "{json}");
        }
        assert!(is_deeper_than(32, "[".repeat(100_000).as_bytes()));
        // The closing bracket stands in a text.
        assert!(is_deeper_than(1, br#"["]", ["#));
    }
}

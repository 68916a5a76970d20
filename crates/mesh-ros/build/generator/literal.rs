//! Values of constants and defaults of fields as Rust expressions.

/// `text` as a value of the ROS type `base`, which is one of numbers, truth values and texts.
pub fn scalar(base: &str, text: &str) -> Result<String, String> {
    match base {
        "bool" => match text {
            "true" | "True" | "1" => Ok("true".to_owned()),
            "false" | "False" | "0" => Ok("false".to_owned()),
            _ => Err(format!("`{text}` is no truth value")),
        },
        "float32" | "float64" => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(format!("{number:?}")),
            _ => Err(format!("`{text}` is no finite number")),
        },
        "string" => quoted(text).map(|text| format!("{text:?}")),
        _ => integer(base, text),
    }
}

/// `text` as the elements of an array.
pub fn elements(base: &str, text: &str) -> Result<Vec<String>, String> {
    if base == "string" {
        return Err("defaults of arrays of texts are not supported".to_owned());
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inner = inner.ok_or_else(|| format!("`{text}` is no array: write [ ]"))?.trim();
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    inner.split(',').map(|element| scalar(base, element.trim())).collect()
}

fn integer(base: &str, text: &str) -> Result<String, String> {
    let (lowest, highest) = match base {
        "int8" => (i128::from(i8::MIN), i128::from(i8::MAX)),
        "int16" => (i128::from(i16::MIN), i128::from(i16::MAX)),
        "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        "int64" => (i128::from(i64::MIN), i128::from(i64::MAX)),
        "uint8" | "byte" | "char" => (0, i128::from(u8::MAX)),
        "uint16" => (0, i128::from(u16::MAX)),
        "uint32" => (0, i128::from(u32::MAX)),
        "uint64" => (0, i128::from(u64::MAX)),
        _ => return Err(format!("a {base} has no default or constant value")),
    };
    match text.parse::<i128>() {
        Ok(number) if (lowest..=highest).contains(&number) => Ok(number.to_string()),
        _ => Err(format!("`{text}` is no {base}: write a whole number from {lowest} to {highest}")),
    }
}

/// What stands between the quotes.
fn quoted(text: &str) -> Result<&str, String> {
    let inner = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    match inner {
        Some(inner) if !inner.contains(['\\', '"', '\'', '\0']) => Ok(inner),
        Some(_) => Err(format!("{text} contains quotes, backslashes or NUL, which are not supported")),
        None => Err(format!("`{text}` is no text: put it into quotes")),
    }
}

//! What an interface file defines: the parser's fields joined with the comments, defaults and constants of the file.

use super::{File, Refusal, literal, source};
use hiroz_codegen::hashing::is_primitive_type;
use hiroz_codegen::parser::msg::parse_msg_string;
use hiroz_codegen::types::{ArrayType, FieldType, ParsedMessage};
use std::path::Path;

/// A message, or one side of a service.
pub struct Structure {
    /// The package.
    pub package: String,
    /// Name in Rust.
    pub name: String,
    /// Name in ROS, within package and kind.
    pub ros: String,
    /// `msg` or `srv`.
    pub kind: &'static str,
    /// What the file says about it.
    pub doc: Vec<String>,
    /// Its constants.
    pub constants: Vec<Constant>,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The same as the hasher wants it.
    pub parsed: ParsedMessage,
}

/// A service.
pub struct Service {
    /// The package.
    pub package: String,
    /// Its name, the same in Rust and in ROS.
    pub name: String,
    /// What a client asks.
    pub request: Structure,
    /// What a server answers.
    pub response: Structure,
}

/// A constant.
pub struct Constant {
    /// What the file says about it.
    pub doc: Vec<String>,
    /// Its name.
    pub name: String,
    /// Its ROS type, never an array.
    pub base: String,
    /// Its value in Rust.
    pub value: String,
}

/// A field.
pub struct Field {
    /// What the file says about it.
    pub doc: Vec<String>,
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Its type as written.
    pub type_text: String,
    /// Its default in Rust: one value, or the elements of an array.
    pub default: Option<Vec<String>>,
}

/// Reads a `.msg` file.
pub fn message(package: &str, file: &File) -> Result<Structure, Refusal> {
    structure(package, "msg", &file.name, file.name.clone(), &file.text)
}

/// Reads a `.srv` file.
pub fn service(package: &str, file: &File) -> Result<Service, Refusal> {
    let name = &file.name;
    let halves: Vec<String> = split_at_line(&file.text, "---");
    let [request, response] = halves.as_slice() else {
        return Err(Refusal::new(format!("{package}/srv/{name}"), "a service needs exactly one line `---`"));
    };
    // The hasher would take a service of such a name for a part of an action.
    if ["SendGoal", "GetResult", "CancelGoal"].iter().any(|part| name.contains(part)) {
        return Err(Refusal::new(format!("{package}/srv/{name}"), "this name is for the services of actions"));
    }
    Ok(Service {
        package: package.to_owned(),
        name: name.clone(),
        request: structure(package, "srv", &format!("{name}_Request"), format!("{name}Request"), request)?,
        response: structure(package, "srv", &format!("{name}_Response"), format!("{name}Response"), response)?,
    })
}

impl Structure {
    /// `geometry_msgs/msg/Pose`.
    pub fn ros_name(&self) -> String {
        format!("{}/{}/{}", self.package, self.kind, self.ros)
    }
}

fn split_at_line(text: &str, separator: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    lines.split(|line| line.trim() == separator).map(|half| half.join("\n")).collect()
}

fn structure(package: &str, kind: &'static str, ros: &str, name: String, text: &str) -> Result<Structure, Refusal> {
    let place = format!("{package}/{kind}/{ros}");
    let refuse = |why: String| Refusal::new(&place, why);
    let section = source::section(&place, text)?;
    for declared in &section.declarations {
        check_name(&place, declared)?;
    }
    let (constants, fields): (Vec<_>, Vec<_>) =
        section.declarations.into_iter().partition(|declared| declared.constant);
    // The parser gets bare declarations: it would stumble over what stands in quotes.
    let bare: Vec<String> = fields.iter().map(|field| format!("{} {}", field.type_text, field.name)).collect();
    let mut parsed =
        parse_msg_string(&bare.join("\n"), package, Path::new(ros)).map_err(|why| refuse(why.to_string()))?;
    parsed.name = ros.to_owned();
    if parsed.fields.len() != fields.len() {
        return Err(refuse(format!(
            "{} fields are declared, but {} are understood",
            fields.len(),
            parsed.fields.len()
        )));
    }
    let constants = constants.into_iter().map(|declared| constant(&place, declared)).collect::<Result<_, _>>()?;
    let types = parsed.fields.iter().map(|field| field.field_type.clone());
    let fields = fields.into_iter().zip(types).map(|(declared, found)| field(&place, declared, found));
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(Structure {
        package: package.to_owned(),
        name,
        ros: ros.to_owned(),
        kind,
        doc: section.doc,
        constants,
        fields,
        parsed,
    })
}

/// The rules that rosidl has for names: a file that it refuses must not pass here.
fn check_name(place: &str, declared: &source::Declaration) -> Result<(), Refusal> {
    let name = declared.name.as_str();
    let (letters, first): (&str, fn(char) -> bool) = match declared.constant {
        true => ("upper-case", |c| c.is_ascii_uppercase()),
        false => ("lower-case", |c| c.is_ascii_lowercase()),
    };
    let spelled = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit() || c == '_');
    if spelled && !name.ends_with('_') && !name.contains("__") {
        return Ok(());
    }
    let why = format!("`{name}` is no name here: {letters} letters, digits and single underscores between them");
    Err(Refusal::new(place, why))
}

fn constant(place: &str, declared: source::Declaration) -> Result<Constant, Refusal> {
    let source::Declaration { doc, type_text: base, name, value, .. } = declared;
    let value = literal::scalar(&base, &value.unwrap_or_default());
    let value = value.map_err(|why| Refusal::new(place, format!("constant {name}: {why}")))?;
    Ok(Constant { doc, name, base, value })
}

fn field(place: &str, declared: source::Declaration, field_type: FieldType) -> Result<Field, Refusal> {
    let source::Declaration { doc, type_text, name, value, .. } = declared;
    let refuse = |why: &str| Refusal::new(place, format!("field {name}: {why}"));
    let base = field_type.base_type.as_str();
    let single = field_type.array == ArrayType::Single;
    if base == "wstring" {
        return Err(refuse("wstring is not supported: middlewares disagree about its encoding; use string"));
    }
    if field_type.string_bound.is_some() && (base != "string" || !single) {
        return Err(refuse("only a single string may be bounded: the hash of others would be wrong"));
    }
    let default = match value {
        None => None,
        Some(_) if !is_primitive_type(base) => {
            return Err(refuse("only numbers, truth values and texts have defaults"));
        }
        Some(text) if single => Some(literal::scalar(base, &text).map(|value| vec![value])),
        Some(text) => Some(literal::elements(base, &text)),
    };
    let default = default.transpose().map_err(|why| refuse(&why))?;
    let fits = match (&default, &field_type.array) {
        (Some(elements), ArrayType::Fixed(count)) => elements.len() == *count,
        (Some(elements), ArrayType::Bounded(bound)) => elements.len() <= *bound,
        _ => true,
    };
    if !fits {
        return Err(refuse("the default has not the length of the array"));
    }
    Ok(Field { doc, name, field_type, type_text, default })
}

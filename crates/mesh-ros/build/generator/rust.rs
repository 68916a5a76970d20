//! Writes Rust: a struct a message, its constants, its default, its encoding and its name on the wire.

use super::Refusal;
use super::definition::{Constant, Field, Service, Structure};
use hiroz_codegen::hashing::is_primitive_type;
use hiroz_codegen::types::{ArrayType, FieldType};
use std::collections::BTreeMap;

/// The module of a package.
pub fn package(
    name: &str,
    messages: &[&Structure],
    services: &[&Service],
    hashes: &BTreeMap<String, String>,
) -> Result<String, Refusal> {
    let mut text = format!("/// The interfaces of the package `{name}`.\npub mod {name} {{\n");
    if !messages.is_empty() {
        let items = messages.iter().map(|message| structure(message, hashes)).collect::<Result<Vec<_>, _>>()?;
        text += &format!("/// Messages.\npub mod msg {{\n{}}}\n", items.concat());
    }
    if !services.is_empty() {
        let items = services.iter().map(|offered| service(offered, hashes)).collect::<Result<Vec<_>, _>>()?;
        text += &format!("/// Services.\npub mod srv {{\n{}}}\n", items.concat());
    }
    Ok(text + "}\n")
}

/// The list of all types of `packages`.
pub fn catalogue(hashes: &BTreeMap<String, String>, packages: &[&String]) -> String {
    let own = hashes.iter().filter(|(name, _)| packages.iter().any(|package| name.split('/').next() == Some(package)));
    let entries: String = own.map(|(name, hash)| format!("{},\n", type_id(name, hash))).collect();
    format!(
        "/// Every type of these packages in the order of names: messages, services, and requests and responses.\n\
         pub const TYPES: &[::mesh_ros::TypeId] = &[\n{entries}];\n"
    )
}

fn service(service: &Service, hashes: &BTreeMap<String, String>) -> Result<String, Refusal> {
    let Service { package, name, request, response } = service;
    let ros = format!("{package}/srv/{name}");
    let mut text = structure(request, hashes)? + &structure(response, hashes)?;
    text += &format!("/// The service `{ros}`: [`{}`] is answered by [`{}`].\n", request.name, response.name);
    text += &format!("#[derive(Debug, Clone, Copy)]\npub struct {name};\n");
    text += &format!("impl ::mesh_ros::Service for {name} {{\n");
    text += &format!("const TYPE: ::mesh_ros::TypeId = {};\n", type_id(&ros, hash_of(hashes, &ros)?));
    text += &format!("type Request = {};\ntype Response = {};\n}}\n", request.name, response.name);
    Ok(text)
}

fn structure(structure: &Structure, hashes: &BTreeMap<String, String>) -> Result<String, Refusal> {
    let Structure { name, constants, fields, .. } = structure;
    let ros = structure.ros_name();
    // Rust derives no defaults of long arrays.
    let derivable = |field: &Field| field.default.is_none() && !matches!(field.field_type.array, ArrayType::Fixed(_));
    let derived = if fields.iter().all(derivable) { ", Default" } else { "" };
    let mut text = doc(&structure.doc);
    if !structure.doc.is_empty() {
        text += "///\n";
    }
    text += &format!("/// ROS type `{ros}`.\n#[derive(Debug, Clone, PartialEq{derived})]\npub struct {name} {{\n");
    for field in fields {
        text += &doc(&field.doc);
        text += &format!("///\n/// ROS type `{}`.\n", field.type_text);
        text += &format!("pub {}: {},\n", identifier(&field.name), rust_type(&structure.package, &field.field_type));
    }
    text += "}\n";
    if !constants.is_empty() {
        text += &format!("impl {name} {{\n{}}}\n", constants.iter().map(constant).collect::<String>());
    }
    if derived.is_empty() {
        let defaults = fields.iter().map(|field| format!("{}: {},\n", identifier(&field.name), default(field)));
        let defaults: String = defaults.collect();
        text += &format!("impl Default for {name} {{\nfn default() -> Self {{\nSelf {{\n{defaults}}}\n}}\n}}\n");
    }
    text += &encoding(structure);
    text += &format!("impl ::mesh_ros::Message for {name} {{\n");
    text += &format!("const TYPE: ::mesh_ros::TypeId = {};\n}}\n", type_id(&ros, hash_of(hashes, &ros)?));
    Ok(text)
}

fn constant(constant: &Constant) -> String {
    let Constant { name, base, value, .. } = constant;
    format!(
        "{}pub const {name}: {} = {value};\n",
        doc(&constant.doc),
        if base == "string" { "&str" } else { primitive(base) }
    )
}

/// The implementation of `Cdr`. A message without fields is one byte long: ROS gives it a member that means nothing.
fn encoding(structure: &Structure) -> String {
    let Structure { package, name, fields, .. } = structure;
    let lengths = fields
        .iter()
        .map(|field| format!("<{} as ::mesh_ros::Cdr>::LENGTH_MIN", rust_type(package, &field.field_type)));
    let lengths = lengths.collect::<Vec<_>>().join(" + ");
    let (length, write, read) = if fields.is_empty() {
        let write = "::mesh_ros::Cdr::write(&0u8, writer)?;\n".to_owned();
        let read = "let _meaningless: u8 = ::mesh_ros::Cdr::read(reader)?;\nOk(Self {})".to_owned();
        ("1".to_owned(), write, read)
    } else {
        let write = fields.iter().map(write_field).collect();
        let read = fields.iter().map(|field| format!("{}: {},\n", identifier(&field.name), read_field(field)));
        (lengths, write, format!("Ok(Self {{\n{}}})", read.collect::<String>()))
    };
    format!(
        "impl ::mesh_ros::Cdr for {name} {{\n\
         const LENGTH_MIN: usize = {length};\n\
         fn write(&self, writer: &mut ::mesh_ros::cdr::Writer) -> Result<(), ::mesh_ros::cdr::EncodeError> {{\n\
         {write}Ok(())\n}}\n\
         fn read(reader: &mut ::mesh_ros::cdr::Reader<'_>) -> Result<Self, ::mesh_ros::cdr::DecodeError> {{\n\
         {read}\n}}\n}}\n"
    )
}

fn write_field(field: &Field) -> String {
    let name = identifier(&field.name);
    let check = bound(&field.field_type).map(|bound| format!("writer.check_bound(self.{name}.len(), {bound})?;\n"));
    format!("{}::mesh_ros::Cdr::write(&self.{name}, writer)?;\n", check.unwrap_or_default())
}

fn read_field(field: &Field) -> String {
    match (bound(&field.field_type), field.field_type.string_bound) {
        (Some(bound), Some(_)) => format!("reader.text({bound})?"),
        (Some(bound), None) => format!("reader.sequence({bound})?"),
        (None, _) => "::mesh_ros::Cdr::read(reader)?".to_owned(),
    }
}

fn bound(field_type: &FieldType) -> Option<usize> {
    match field_type.array {
        ArrayType::Bounded(bound) => Some(bound),
        _ => field_type.string_bound,
    }
}

fn default(field: &Field) -> String {
    let text = field.field_type.base_type == "string";
    match (&field.default, &field.field_type.array) {
        (None, ArrayType::Fixed(_)) => "::std::array::from_fn(|_| Default::default())".to_owned(),
        (None, _) => "Default::default()".to_owned(),
        (Some(value), ArrayType::Single) if text => format!("{}.to_owned()", value.concat()),
        (Some(value), ArrayType::Single) => value.concat(),
        (Some(elements), ArrayType::Fixed(_)) => format!("[{}]", elements.join(", ")),
        (Some(elements), _) => format!("vec![{}]", elements.join(", ")),
    }
}

/// The Rust type of a field of a message of `package`.
fn rust_type(package: &str, field_type: &FieldType) -> String {
    let base = &field_type.base_type;
    let element = match &field_type.package {
        _ if is_primitive_type(base) => primitive(base).to_owned(),
        Some(other) if other != package => format!("::mesh_ros::interfaces::{other}::msg::{base}"),
        _ => format!("super::msg::{base}"),
    };
    match field_type.array {
        ArrayType::Single => element,
        ArrayType::Fixed(count) => format!("[{element}; {count}]"),
        ArrayType::Bounded(_) | ArrayType::Unbounded => format!("Vec<{element}>"),
    }
}

fn primitive(base: &str) -> &'static str {
    match base {
        "bool" => "bool",
        "int8" => "i8",
        "int16" => "i16",
        "int32" => "i32",
        "int64" => "i64",
        "uint16" => "u16",
        "uint32" => "u32",
        "uint64" => "u64",
        "float32" => "f32",
        "float64" => "f64",
        "string" => "String",
        // byte, char and uint8.
        _ => "u8",
    }
}

fn type_id(ros: &str, hash: &str) -> String {
    let (scope, name) = ros.rsplit_once('/').unwrap_or(("", ros));
    let dds = format!("{}::dds_::{name}_", scope.replace('/', "::"));
    format!("::mesh_ros::TypeId {{ name: {ros:?}, dds: {dds:?}, hash: {hash:?} }}")
}

fn hash_of<'a>(hashes: &'a BTreeMap<String, String>, ros: &str) -> Result<&'a str, Refusal> {
    hashes.get(ros).map(String::as_str).ok_or_else(|| Refusal::new(ros, "was not hashed"))
}

fn identifier(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// Lines of documentation in which nothing is taken for a link or for HTML.
fn doc(lines: &[String]) -> String {
    let escaped = |line: &String| {
        let mut code = false;
        let mut text = String::from("///");
        if !line.is_empty() {
            text.push(' ');
        }
        for character in line.chars() {
            code ^= character == '`';
            if !code && ['[', ']', '<', '>', '*'].contains(&character) {
                text.push('\\');
            }
            text.push(character);
        }
        text + "\n"
    };
    lines.iter().map(escaped).collect()
}

/// What cannot be the name of a field as it is. `self`, `super`, `crate` and `Self` cannot be escaped either; the
/// compiler says so.
const KEYWORDS: [&str; 40] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "type", "unsafe", "use", "where",
];

//! A second encoder, written from the definition of CDR alone: it walks the interface files instead of running
//! generated code, writes both byte orders, and draws the values by chance.

use crate::generator::definition::{self, Structure};
use crate::generator::{self, Kind};
use hiroz_codegen::types::{ArrayType, FieldType};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that is defined, by ROS name.
pub struct Reference {
    structures: BTreeMap<String, Structure>,
}

impl Reference {
    /// From the interface files.
    pub fn new() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut packages = generator::files::read_packages(here).expect("readable");
        packages.push(generator::files::read_test_package(here).expect("readable"));
        let files = packages.iter().flat_map(|package| package.files.iter().map(|file| (&*package.name, file)));
        let structures = files.flat_map(|(package, file)| match file.kind {
            Kind::Message => vec![definition::message(package, file).expect("a message")],
            Kind::Service => {
                let service = definition::service(package, file).expect("a service");
                vec![service.request, service.response]
            }
        });
        Self { structures: structures.map(|structure| (structure.ros_name(), structure)).collect() }
    }

    /// A message with values drawn from `chance`; zeros follow when that is used up.
    pub fn encode(&self, name: &str, chance: &[u8], big_endian: bool) -> Vec<u8> {
        let mut draft = Draft { body: Vec::new(), chance: chance.iter(), big_endian };
        self.structure(name, &mut draft);
        [vec![0, u8::from(!big_endian), 0, 0], draft.body].concat()
    }

    fn structure(&self, name: &str, draft: &mut Draft<'_>) {
        let structure = &self.structures[name];
        if structure.fields.is_empty() {
            draft.body.push(0);
        }
        for field in &structure.fields {
            let count = match field.field_type.array {
                ArrayType::Single => 1,
                ArrayType::Fixed(count) => count,
                ArrayType::Bounded(bound) => draft.count(bound.min(3)),
                ArrayType::Unbounded => draft.count(3),
            };
            for _ in 0..count {
                self.element(&structure.package, &field.field_type, draft);
            }
        }
    }

    fn element(&self, package: &str, field_type: &FieldType, draft: &mut Draft<'_>) {
        match field_type.base_type.as_str() {
            "bool" => {
                let truth = draft.draw() % 2;
                draft.body.push(truth);
            }
            "byte" | "char" | "int8" | "uint8" => draft.number(1),
            "int16" | "uint16" => draft.number(2),
            "int32" | "uint32" | "float32" => draft.number(4),
            "int64" | "uint64" | "float64" => draft.number(8),
            "string" => draft.text(),
            other => {
                let package = field_type.package.as_deref().unwrap_or(package);
                self.structure(&format!("{package}/msg/{other}"), draft);
            }
        }
    }
}

struct Draft<'a> {
    body: Vec<u8>,
    chance: std::slice::Iter<'a, u8>,
    big_endian: bool,
}

impl Draft<'_> {
    fn draw(&mut self) -> u8 {
        self.chance.next().copied().unwrap_or(0)
    }

    /// Bytes drawn are those of the number in little-endian order.
    fn number(&mut self, size: usize) {
        let bytes: Vec<u8> = (0..size).map(|_| self.draw()).collect();
        self.aligned(bytes);
    }

    fn count(&mut self, most: usize) -> usize {
        let count = usize::from(self.draw()) % (most + 1);
        self.aligned((count as u32).to_le_bytes().to_vec());
        count
    }

    /// Up to two characters, so that the shortest bound, 5 bytes, is kept.
    fn text(&mut self) {
        let count = self.draw() % 3;
        let text: String = (0..count).map(|_| ['a', 'é', '~'][usize::from(self.draw() % 3)]).collect();
        self.aligned((text.len() as u32 + 1).to_le_bytes().to_vec());
        self.body.extend(text.bytes());
        self.body.push(0);
    }

    fn aligned(&mut self, mut little_endian: Vec<u8>) {
        while !self.body.len().is_multiple_of(little_endian.len()) {
            self.body.push(0);
        }
        if self.big_endian {
            little_endian.reverse();
        }
        self.body.extend(little_endian);
    }
}

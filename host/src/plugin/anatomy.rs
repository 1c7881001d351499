use std::fmt;
use std::ops::Range;

use serde::Serialize;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};

/// Why some bytes are not a component that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAComponent {
    #[error("the file is empty")]
    Empty,
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    #[error("it is WebAssembly text, not a binary component")]
    Text,
    #[error("it is not WebAssembly")]
    Other,
    #[error("it uses another version of the component encoding ({0:#010x})")]
    Encoding(u32),
    #[error(
        "it ends in the middle: byte {offset} belongs to a section of {wanted} bytes, of which {missing} are missing"
    )]
    Truncated { offset: usize, wanted: usize, missing: usize },
    #[error("it is damaged at byte {offset:#x}: {detail}")]
    Damaged { offset: usize, detail: String },
}

impl NotAComponent {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CoreModule => "turn it into a component: `rollcall plugin build DIR` does, and so does \
                                 `wasm-tools component new`"
                .into(),
            Self::Text => "assemble it: `wasm-tools parse FILE -o plugin.wasm`".into(),
            Self::Encoding(_) => "build it again with current tools".into(),
            Self::Truncated { .. } | Self::Damaged { .. } | Self::Empty => {
                "copy the file again, and compare its sha256 with the one that its author gives".into()
            }
            Self::Other => "a plugin is a `.wasm` file as `rollcall plugin build` makes it".into(),
        })
    }
}

/// One section at the top level of a component.
pub(super) struct Section<'a> {
    pub id: u8,
    /// Of a custom section.
    pub name: Option<&'a str>,
    /// Of a custom section, what follows its name.
    pub contents: &'a [u8],
    /// Header and contents in the file.
    pub range: Range<usize>,
}

const MAGIC: &[u8; 4] = b"\0asm";
const CORE: u32 = 1;
const COMPONENT: u32 = 0x0001_000d;

/// The sections at the top level, in order, without looking into any: cheap even for a big file, and the one
/// place that tells a cut-off file from a damaged one.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, NotAComponent> {
    check_header(bytes)?;
    let mut sections = Vec::new();
    let mut at = 8;
    while at < bytes.len() {
        let start = at;
        let id = bytes[at];
        let (size, used) = leb128(&bytes[at + 1..]).ok_or_else(|| {
            if bytes.len() - at <= 5 {
                NotAComponent::Truncated { offset: start, wanted: 5, missing: 5 - (bytes.len() - at - 1) }
            } else {
                NotAComponent::Damaged { offset: start, detail: "a section without a valid size".into() }
            }
        })?;
        let contents = at + 1 + used;
        let end = contents.saturating_add(size);
        if end > bytes.len() {
            return Err(NotAComponent::Truncated { offset: start, wanted: size, missing: end - bytes.len() });
        }
        let (name, contents) = if id == 0 {
            let damaged =
                || NotAComponent::Damaged { offset: start, detail: "a custom section without a name".into() };
            let (length, used) = leb128(&bytes[contents..end]).ok_or_else(damaged)?;
            let (name, rest) = bytes[contents + used..end].split_at_checked(length).ok_or_else(damaged)?;
            (Some(std::str::from_utf8(name).map_err(|_| damaged())?), rest)
        } else {
            (None, &bytes[contents..end])
        };
        sections.push(Section { id, name, contents, range: start..end });
        at = end;
    }
    Ok(sections)
}

fn check_header(bytes: &[u8]) -> Result<(), NotAComponent> {
    if bytes.is_empty() {
        return Err(NotAComponent::Empty);
    }
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(if MAGIC.starts_with(bytes) { cut_header(bytes) } else { NotAComponent::Other });
    };
    if magic != MAGIC {
        let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start();
        let wat = ["(component", "(module", ";;", "(;"].iter().any(|start| text.starts_with(start));
        return Err(if wat { NotAComponent::Text } else { NotAComponent::Other });
    }
    match rest.first_chunk::<4>().map(|version| u32::from_le_bytes(*version)) {
        None => Err(cut_header(bytes)),
        Some(COMPONENT) => Ok(()),
        Some(CORE) => Err(NotAComponent::CoreModule),
        Some(other) => Err(NotAComponent::Encoding(other)),
    }
}

fn cut_header(bytes: &[u8]) -> NotAComponent {
    NotAComponent::Truncated { offset: 0, wanted: 8, missing: 8 - bytes.len() }
}

/// An unsigned number of at most 32 bits, and how many bytes it took.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// What a component consists of, found without running or compiling any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    pub sections: Vec<SectionSize>,
    pub imports: Vec<Item>,
    pub exports: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionSize {
    /// The kind of section: `core module`, `import`, `custom "name"`, …
    pub name: String,
    pub bytes: usize,
}

/// Something imported or exported at the top level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Such as `rollcall:plugin/source@0.1.0`.
    pub name: String,
    pub kind: ItemKind,
    /// Of an instance: the functions in it, by name. An instance without any holds only types.
    pub functions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    Instance,
    Function,
    Type,
    Other,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Item {
    /// Whether this is an instance that holds only types: harmless to import.
    pub fn is_only_types(&self) -> bool {
        match self.kind {
            ItemKind::Type => true,
            ItemKind::Instance => self.functions.is_empty(),
            ItemKind::Function | ItemKind::Other => false,
        }
    }
}

impl Anatomy {
    /// # Errors
    ///
    /// [`NotAComponent`] when the bytes are no component, or not a valid one. Function bodies are not looked
    /// at: the compiler does that.
    pub fn of(bytes: &[u8]) -> Result<Self, NotAComponent> {
        let sections = sections(bytes)?
            .iter()
            .map(|section| SectionSize { name: section_name(section), bytes: section.range.len() })
            .collect();
        let damaged = |error: wasmparser::Error| NotAComponent::Damaged {
            offset: error.offset(),
            detail: error.message().to_owned(),
        };
        // What may be used is the engine's decision, at compilation: here everything can be named.
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut imports = Vec::new();
        let mut exports = Vec::new();
        // How many modules and components this one is inside of.
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(damaged)?;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::ComponentImportSection(reader) if depth == 0 => {
                    for import in reader.clone() {
                        imports.push(import.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(reader) if depth == 0 => {
                    for export in reader.clone() {
                        exports.push(export.map_err(damaged)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
            let valid = validator.payload(&payload).map_err(damaged)?;
            if !matches!(payload, Payload::End(_)) {
                continue;
            }
            if depth > 0 {
                depth -= 1;
                continue;
            }
            if let ValidPayload::End(types) = valid {
                let types = types.as_ref();
                let item = |name: &String, found: Option<&wasmparser::component_types::ComponentItem>| {
                    let (kind, functions) = match found.map(|found| found.ty) {
                        Some(ComponentEntityType::Instance(id)) => {
                            let functions = types[id]
                                .exports
                                .iter()
                                .filter(|(_, inner)| !matches!(inner.ty, ComponentEntityType::Type { .. }));
                            (ItemKind::Instance, functions.map(|(name, _)| name.clone()).collect())
                        }
                        Some(ComponentEntityType::Func(_)) => (ItemKind::Function, Vec::new()),
                        Some(ComponentEntityType::Type { .. }) => (ItemKind::Type, Vec::new()),
                        _ => (ItemKind::Other, Vec::new()),
                    };
                    Item { name: name.clone(), kind, functions }
                };
                return Ok(Self {
                    sections,
                    imports: imports
                        .iter()
                        .map(|name| item(name, types.component_item_for_import(name)))
                        .collect(),
                    exports: exports
                        .iter()
                        .map(|name| item(name, types.component_item_for_export(name)))
                        .collect(),
                });
            }
        }
        Err(NotAComponent::Damaged { offset: bytes.len(), detail: "it has no end".into() })
    }
}

/// The component binary format's section numbers.
fn section_name(section: &Section<'_>) -> String {
    match (section.id, section.name) {
        (0, Some(name)) => return format!("custom \"{name}\""),
        (1, _) => "core module",
        (2, _) => "core instance",
        (3, _) => "core type",
        (4, _) => "component",
        (5, _) => "instance",
        (6, _) => "alias",
        (7, _) => "type",
        (8, _) => "canonical function",
        (9, _) => "start",
        (10, _) => "import",
        (11, _) => "export",
        _ => "unknown",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = r#"(component
        (import "a:b/only-types" (instance (type (record)) (export "t" (type (eq 0)))))
        (import "a:b/work" (instance (export "do" (func))))
        (core module)
        (@custom "note" "hello")
    )"#;

    fn binary() -> Vec<u8> {
        // A record without fields is no valid type, so an enum of one case stands in.
        wat::parse_str(COMPONENT.replace("(record)", "(enum \"x\")")).unwrap()
    }

    #[test]
    fn imports_tell_types_from_functions() {
        let anatomy = Anatomy::of(&binary()).unwrap();
        let found: Vec<_> =
            anatomy.imports.iter().map(|item| (item.name.as_str(), item.is_only_types())).collect();
        assert_eq!(found, [("a:b/only-types", true), ("a:b/work", false)]);
        assert_eq!(anatomy.imports[1].functions, ["do"]);
        assert!(anatomy.sections.iter().any(|section| section.name == "custom \"note\""));
        assert_eq!(anatomy.sections.iter().map(|section| section.bytes).sum::<usize>() + 8, binary().len());
    }

    #[test]
    fn every_cut_is_an_error_or_a_shorter_component() {
        let whole = binary();
        let ends: Vec<usize> = sections(&whole).unwrap().iter().map(|section| section.range.end).collect();
        for length in 1..whole.len() {
            let cut = sections(&whole[..length]);
            if length == 8 || ends.contains(&length) {
                assert!(cut.is_ok(), "{length}");
            } else {
                assert!(matches!(cut, Err(NotAComponent::Truncated { .. })), "{length}");
            }
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        for (bytes, expected) in [
            (&b""[..], NotAComponent::Empty),
            (b"\0asm\x01\0\0\0", NotAComponent::CoreModule),
            (b"\0asm\x0a\0\x01\0", NotAComponent::Encoding(0x1000a)),
            (b"  (component)", NotAComponent::Text),
            (b"MZ\x90\0\x03", NotAComponent::Other),
            (b"\x7fE", NotAComponent::Other),
        ] {
            assert_eq!(Anatomy::of(bytes), Err(expected), "{bytes:?}");
        }
    }
}

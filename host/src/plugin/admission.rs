use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use super::anatomy::{Anatomy, NotAComponent};
use super::bindings::host;
use super::cache::{Cache, Origin};
use super::call::Identity;
use super::engine::{EngineError, new_engine};
use super::guest::{ExportFault, Guest, Mould, SourceFunctions, TransformFunctions, required_exports};
use super::limits::{Limit, LimitReached, Limits};
use super::manifest::{API, ManifestError, read_manifest};
use super::state::{Meter, State};
use super::stop::StopReason;
use crate::model::{Manifest, PluginKind};

/// Where plugins run: the engine, what they may import, and the cache of compiled code. One for a process.
pub struct Sandbox {
    engine: Engine,
    cache: Cache,
    /// Offers `host` and nothing more.
    plain: Linker<State>,
    /// Offers `host` and an empty WASI.
    wasi: Linker<State>,
}

/// What whoever asks for a component knows of it beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// For messages, until the manifest tells the name: a file's name.
    pub origin: &'a str,
    /// Lower-case hex; refuses any other component.
    pub sha256: Option<&'a str>,
}

/// A component that passed [`Sandbox::admit`].
pub struct Admitted {
    pub identity: Identity,
    pub manifest: Manifest,
    /// Whether it imports WASI, and so runs in the empty context under a timeout.
    pub wasi: bool,
    pub size: usize,
    pub origin: Origin,
    pub(super) instance: InstancePre<State>,
}

/// A component that may not run here, and why.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin} is refused: {refusal}")]
pub struct AdmissionError {
    /// Name and version, or the file when it has no manifest to tell them.
    pub plugin: String,
    pub refusal: Refusal,
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it is {0}")]
    TooLarge(LimitReached),
    #[error(transparent)]
    NotAComponent(NotAComponent),
    #[error(transparent)]
    Manifest(ManifestError),
    #[error("its sha256 is {found}, but {expected} is asked for")]
    Pin { expected: String, found: String },
    #[error("it imports {name}, which plugins may not")]
    ForbiddenImport { name: String },
    #[error("it imports {name} otherwise than API {API} has it: {detail}")]
    WrongImport { name: String, detail: String },
    #[error(
        "it was built for another version of the contract: it has {found}, and this host speaks API {API}"
    )]
    WrongApi { found: String },
    #[error("it doesn't export {name}, which a {kind} has to")]
    MissingExport { name: String, kind: PluginKind },
    #[error("its export {name} has another type than the contract's: {detail}")]
    WrongType { name: String, detail: String },
    #[error("it can't be compiled: {0}")]
    Compile(String),
    #[error("it doesn't start: {0}")]
    Start(StopReason),
}

impl AdmissionError {
    pub fn hint(&self) -> Option<String> {
        match &self.refusal {
            Refusal::TooLarge(reached) => Some(reached.hint(None)),
            Refusal::NotAComponent(error) => error.hint(),
            Refusal::Manifest(error) => error.hint(),
            Refusal::Pin { .. } => Some(
                "if the plugin was replaced on purpose, put the new sha256 into the connector's configuration".into(),
            ),
            Refusal::ForbiddenImport { .. } => Some(format!(
                "a plugin imports `rollcall:plugin/host@{API}.0` and, if it can't do without, `wasi:*` of version \
                 0.2, which is empty: no clock, files, network or environment"
            )),
            Refusal::WrongImport { .. } | Refusal::WrongApi { .. } => {
                ManifestError::Api { found: String::new() }.hint()
            }
            Refusal::MissingExport { .. } | Refusal::WrongType { .. } => {
                Some(format!("build it against `wit/{API}`, with the `kind` in `plugin.toml` that it exports"))
            }
            Refusal::Compile(_) => {
                Some("the sandbox runs WebAssembly 2 with SIMD: no threads, garbage collection or 64-bit memory".into())
            }
            Refusal::Start(reason) => reason.hint(),
        }
    }
}

const HOST: &str = "rollcall:plugin/host@0.1.0";
/// What the empty WASI has.
const WASI: &[&str] =
    &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

impl Sandbox {
    pub fn new(cache: Cache) -> Result<Self, EngineError> {
        let engine = new_engine()?;
        let mut plain = Linker::new(&engine);
        host::add_to_linker::<_, HasSelf<State>>(&mut plain, |state| state)?;
        let mut wasi = Linker::new(&engine);
        host::add_to_linker::<_, HasSelf<State>>(&mut wasi, |state| state)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut wasi)?;
        Ok(Self { engine, cache, plain, wasi })
    }

    /// The one way into the sandbox: size → manifest → sha256 → imports and exports → compilation →
    /// instantiation under the limits, which alone compares types.
    pub fn admit(
        &self,
        bytes: &[u8],
        expected: Expected<'_>,
        limits: &Limits,
    ) -> Result<Admitted, AdmissionError> {
        let refused = |refusal| AdmissionError { plugin: expected.origin.to_owned(), refusal };
        limits
            .check(Limit::ComponentSize, bytes.len() as u64)
            .map_err(|reached| refused(Refusal::TooLarge(reached)))?;
        let manifest = read_manifest(bytes).map_err(|error| {
            refused(match error {
                ManifestError::NotAComponent(error) => Refusal::NotAComponent(error),
                error => Refusal::Manifest(error),
            })
        })?;
        let sha256 = sha256_hex(bytes);
        let identity = Identity { name: manifest.name.clone(), version: manifest.version.clone(), sha256 };
        let refused = |refusal| AdmissionError { plugin: identity.to_string(), refusal };
        if let Some(pin) = expected.sha256
            && !pin.eq_ignore_ascii_case(&identity.sha256)
        {
            let (expected, found) = (pin.to_owned(), identity.sha256.clone());
            return Err(refused(Refusal::Pin { expected, found }));
        }
        let anatomy = Anatomy::of(bytes).map_err(|error| refused(Refusal::NotAComponent(error)))?;
        let wasi = check_imports(&anatomy).map_err(refused)?;
        check_exports(&anatomy, manifest.kind).map_err(refused)?;
        let (component, origin) = self
            .cache
            .compile(&self.engine, bytes, &identity.sha256)
            .map_err(|error| refused(Refusal::Compile(format!("{error:#}"))))?;
        let linker = if wasi { &self.wasi } else { &self.plain };
        let instance = linker.instantiate_pre(&component).map_err(|error| {
            // Every import has an allowed name by now, so one of them has another function or type than ours.
            refused(Refusal::WrongImport { name: "an interface".into(), detail: format!("{error:#}") })
        })?;
        self.try_out(&instance, wasi, &identity, manifest.kind, limits).map_err(refused)?;
        Ok(Admitted { identity, manifest, wasi, size: bytes.len(), origin, instance })
    }

    /// Instantiates once and throws the instance away.
    fn try_out(
        &self,
        instance: &InstancePre<State>,
        wasi: bool,
        identity: &Identity,
        kind: PluginKind,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let mould = Mould {
            instance: instance.clone(),
            wasi,
            label: identity.to_string().into(),
            connector: "NAME".into(),
            limits: Arc::new(limits.clone()),
            meter: Arc::new(Meter::default()),
            listener: None,
        };
        let mut guest = Guest::new(&mould).map_err(Refusal::Start)?;
        let found = match kind {
            PluginKind::Source => guest.functions::<SourceFunctions>().map(drop),
            PluginKind::Transform => guest.functions::<TransformFunctions>().map(drop),
        };
        found.map_err(|fault| match fault {
            ExportFault::Missing { name } => Refusal::MissingExport { name, kind },
            ExportFault::WrongType { name, detail } => Refusal::WrongType { name, detail },
        })
    }
}

/// Whether the component imports WASI.
fn check_imports(anatomy: &Anatomy) -> Result<bool, Refusal> {
    let mut wasi = false;
    for import in &anatomy.imports {
        let name = &import.name;
        if import.is_only_types() || name == HOST {
            continue;
        }
        if WASI.iter().any(|interface| name.starts_with(interface)) && name.contains("@0.2.") {
            wasi = true;
        } else if name.starts_with("rollcall:plugin/host@") {
            return Err(Refusal::WrongApi { found: name.clone() });
        } else {
            return Err(Refusal::ForbiddenImport { name: name.clone() });
        }
    }
    Ok(wasi)
}

fn check_exports(anatomy: &Anatomy, kind: PluginKind) -> Result<(), Refusal> {
    for (interface, functions) in required_exports(kind) {
        let Some(found) = anatomy.exports.iter().find(|export| export.name == interface) else {
            let unversioned = interface.split('@').next().unwrap_or(interface);
            let other =
                anatomy.exports.iter().find(|export| export.name.split('@').next() == Some(unversioned));
            return Err(match other {
                Some(other) => Refusal::WrongApi { found: other.name.clone() },
                None => Refusal::MissingExport { name: interface.to_owned(), kind },
            });
        };
        for function in functions {
            if !found.functions.iter().any(|name| name == function) {
                return Err(Refusal::MissingExport { name: format!("{interface}#{function}"), kind });
            }
        }
    }
    Ok(())
}

/// Lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

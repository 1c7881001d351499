//! What `wit/0.1` says, as Rust types.
//!
//! The interfaces that both worlds know are generated once, so that a `User` is the same type in a source and
//! in a transform. `error` alone is written by hand ([`crate::Error`]), for a `Display` that people can read;
//! the generated code reads and writes its fields, so it can't drift from the WIT unnoticed.

pub mod shared {
    wit_bindgen::generate!({
        inline: "
            package rollcall:sdk;
            world shared {
                import rollcall:plugin/types@0.1.0;
                import rollcall:plugin/http@0.1.0;
                import rollcall:plugin/host@0.1.0;
            }
        ",
        path: "../../wit/0.1",
        world: "rollcall:sdk/shared",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "rollcall:plugin/types@0.1.0/user": [#[derive(Default)]],
            "rollcall:plugin/types@0.1.0/group": [#[derive(Default)]],
        },
        with: { "rollcall:plugin/types@0.1.0/error": crate::error::Error },
    });
}

/// The `types` interface with our own `Error` in its place.
pub mod types {
    pub use super::shared::rollcall::plugin::types::{Attribute, Group, Problem, Subject, User, Value};
    pub use crate::error::Error;
}

// A world each for the parts of the contract's two worlds: both export `plugin`, and its export macro can't be
// generated twice in one crate. What a component exports is the union of the parts that its macros name.

pub mod plugin {
    wit_bindgen::generate!({
        inline: "
            package rollcall:sdk;
            world plugin-part { export rollcall:plugin/plugin@0.1.0; }
        ",
        path: "../../wit/0.1",
        world: "rollcall:sdk/plugin-part",
        with: {
            "rollcall:plugin/types@0.1.0": crate::bindings::types,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "__export_plugin_part",
    });
}

pub mod source {
    wit_bindgen::generate!({
        inline: "
            package rollcall:sdk;
            world source-part { export rollcall:plugin/source@0.1.0; }
        ",
        path: "../../wit/0.1",
        world: "rollcall:sdk/source-part",
        with: {
            "rollcall:plugin/types@0.1.0": crate::bindings::types,
            "rollcall:plugin/http@0.1.0": crate::bindings::shared::rollcall::plugin::http,
        },
        generate_all,
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "rollcall:plugin/source@0.1.0/page": [#[derive(Default)]],
        },
        pub_export_macro: true,
        export_macro_name: "__export_source_part",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        inline: "
            package rollcall:sdk;
            world transform-part {
                export rollcall:plugin/transform@0.1.0;
                export rollcall:plugin/packed-transform@0.1.0;
            }
        ",
        path: "../../wit/0.1",
        world: "rollcall:sdk/transform-part",
        with: {
            "rollcall:plugin/types@0.1.0": crate::bindings::types,
        },
        generate_all,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "__export_transform_part",
    });
}

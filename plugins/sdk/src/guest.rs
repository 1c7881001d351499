use std::sync::OnceLock;

use rollcall_packed::Writer;
use serde::de::DeserializeOwned;

use crate::bindings;
use crate::bindings::transform::exports::rollcall::plugin::packed_transform::Packed;
use crate::packed;
use crate::{
    Attribute, Error, Group, GroupVerdict, Page, Person, Problem, Request, Response, Scope, Verdict,
};

/// What every plugin is: something made from settings.
///
/// `Send + Sync` keeps it honest: an answer depends on settings and arguments and nothing else, so the host may
/// use any instance, in any order, several at a time.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The connector's settings, as `plugin.toml` describes them in its schema.
    type Settings: DeserializeOwned;

    /// Called once, before anything else.
    fn configure(settings: Self::Settings) -> Result<Self, Error>;
}

/// A provider to read users, groups and memberships from. Export it with [`export_source!`](crate::export_source).
pub trait Source: Plugin {
    /// The first requests of a run. `known` is what the host knows: `now`, `checkpoint.NAME`, …; for
    /// changes `unread.ID`, with the name, of each group whose members are to be read whether they changed or not.
    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, Error>;

    /// What a response says. An error ends the run with nothing applied, but for the codes that the host acts
    /// on; what costs only its subject is a [`Problem`] or [`Members::Unknown`](crate::Members::Unknown).
    fn decode(&self, request: &Request, response: &Response) -> Result<Page, Error>;
}

/// A company's rules: who syncs, as what, with which groups. Export it with
/// [`export_transform!`](crate::export_transform).
///
/// ```
/// use rollcall_plugin::{Error, Person, Plugin, Transform, Verdict};
///
/// #[derive(serde::Deserialize)]
/// pub struct Staff {
///     group: String,
/// }
///
/// impl Plugin for Staff {
///     type Settings = Self;
///
///     fn configure(settings: Self) -> Result<Self, Error> {
///         Ok(settings)
///     }
/// }
///
/// impl Transform for Staff {
///     fn shape_person(&self, mut person: Person) -> Result<Verdict, Error> {
///         if !person.is_in(&self.group) {
///             return Ok(Verdict::Drop(format!("not in {}", self.group)));
///         }
///         person.user.username.make_ascii_lowercase();
///         Ok(Verdict::Keep(person))
///     }
/// }
///
/// rollcall_plugin::export_transform!(Staff);
/// # fn main() {}
/// ```
pub trait Transform: Plugin {
    /// What becomes of a group. Runs while collecting, so that the members of a dropped group are never read.
    fn shape_group(&self, group: Group) -> Result<GroupVerdict, Error> {
        Ok(GroupVerdict::Keep(group))
    }

    /// What becomes of a person. An error costs this person only: they stay as they are, and it is reported.
    fn shape_person(&self, person: Person) -> Result<Verdict, Error>;

    /// One verdict for each group, in order. An error ends the run.
    fn shape_groups(&self, groups: Vec<Group>) -> Result<Vec<GroupVerdict>, Error> {
        groups.into_iter().map(|group| self.shape_group(group)).collect()
    }

    /// One verdict for each person, in order. An error ends the run.
    fn shape_people(&self, people: Vec<Person>) -> Result<Vec<Verdict>, Error> {
        Ok(people
            .into_iter()
            .map(|person| {
                let id = person.user.id.clone();
                self.shape_person(person).unwrap_or_else(|error| Verdict::Skip(Problem::user(id, error)))
            })
            .collect())
    }
}

/// Where the configured plugin lives. The export macros implement it.
#[doc(hidden)]
pub trait Instance {
    type Plugin: Plugin;

    fn cell() -> &'static OnceLock<Self::Plugin>;
}

fn configured<I: Instance>() -> Result<&'static I::Plugin, Error> {
    I::cell().get().ok_or_else(|| Error::unexpected("the plugin was called before configure"))
}

impl<I: Instance> bindings::plugin::exports::rollcall::plugin::plugin::Guest for I {
    fn configure(settings: String) -> Result<(), Error> {
        crate::log::log_panics();
        let plugin = I::Plugin::configure(crate::settings(&settings)?)?;
        I::cell().set(plugin).map_err(|_| Error::unexpected("configure was called twice"))
    }
}

impl<I: Instance> bindings::source::exports::rollcall::plugin::source::Guest for I
where
    I::Plugin: Source,
{
    fn plan(scope: Scope, known: Vec<Attribute>) -> Result<Vec<Request>, Error> {
        configured::<I>()?.plan(&scope, &known)
    }

    fn decode(request: Request, response: Response) -> Result<Page, Error> {
        configured::<I>()?.decode(&request, &response)
    }
}

impl<I: Instance> bindings::transform::exports::rollcall::plugin::transform::Guest for I
where
    I::Plugin: Transform,
{
    fn shape_groups(groups: Vec<Group>) -> Result<Vec<GroupVerdict>, Error> {
        configured::<I>()?.shape_groups(groups)
    }

    fn shape_people(people: Vec<Person>) -> Result<Vec<Verdict>, Error> {
        configured::<I>()?.shape_people(people)
    }
}

impl<I: Instance> bindings::transform::exports::rollcall::plugin::packed_transform::Guest for I
where
    I::Plugin: Transform,
{
    fn shape_people(given: Packed) -> Result<Packed, Error> {
        let given = packed::people(&given.texts, &given.numbers)?;
        let people = given.iter().map(packed::Given::person).collect();
        let verdicts = configured::<I>()?.shape_people(people)?;
        let Writer { texts, numbers } = packed::write(&given, &verdicts);
        Ok(Packed { texts, numbers })
    }
}

/// Makes a [`Source`] the exports of this crate's component. Outside WebAssembly it only checks the type, so
/// that the same crate is tested with plain `cargo test`.
#[macro_export]
macro_rules! export_source {
    ($plugin:ty) => {
        $crate::__instance!($plugin, $crate::Source);
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::source::__export_source_part!(
            __RollcallExports with_types_in $crate::bindings::source
        );
    };
}

/// Makes a [`Transform`] the exports of this crate's component. Outside WebAssembly it only checks the type.
#[macro_export]
macro_rules! export_transform {
    ($plugin:ty) => {
        $crate::__instance!($plugin, $crate::Transform);
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::transform::__export_transform_part!(
            __RollcallExports with_types_in $crate::bindings::transform
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __instance {
    ($plugin:ty, $kind:path) => {
        #[doc(hidden)]
        pub enum __RollcallExports {}

        impl $crate::Instance for __RollcallExports {
            type Plugin = $plugin;

            fn cell() -> &'static ::std::sync::OnceLock<$plugin> {
                static CELL: ::std::sync::OnceLock<$plugin> = ::std::sync::OnceLock::new();
                &CELL
            }
        }

        #[cfg(target_arch = "wasm32")]
        $crate::bindings::plugin::__export_plugin_part!(
            __RollcallExports with_types_in $crate::bindings::plugin
        );

        const _: fn() = || {
            fn is<T: $kind>() {}
            is::<$plugin>();
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{User, testing};

    struct Picky;

    impl Plugin for Picky {
        type Settings = ();

        fn configure((): ()) -> Result<Self, Error> {
            Ok(Picky)
        }
    }

    impl Transform for Picky {
        fn shape_person(&self, person: Person) -> Result<Verdict, Error> {
            match person.user.username.as_str() {
                "bad" => Err(Error::unexpected("no")),
                _ => Ok(Verdict::Keep(person)),
            }
        }
    }

    fn person(id: &str, username: &str) -> Person {
        let user = User { id: id.into(), username: username.into(), ..User::default() };
        Person { user, groups: Vec::new() }
    }

    #[test]
    fn an_error_about_one_person_costs_that_person_only() {
        let picky: Picky = testing::configure(serde_json::Value::Null).unwrap();
        let people = vec![person("1", "ann"), person("2", "bad"), person("3", "cy")];
        let verdicts = picky.shape_people(people.clone()).unwrap();
        assert_eq!(
            verdicts,
            [
                Verdict::Keep(people[0].clone()),
                Verdict::Skip(Problem::user("2", Error::unexpected("no"))),
                Verdict::Keep(people[2].clone()),
            ]
        );
    }

    #[test]
    fn groups_are_kept_unless_a_transform_says_otherwise() {
        let group = Group { id: "g".into(), name: "G".into(), ..Group::default() };
        assert_eq!(Picky.shape_groups(vec![group.clone()]).unwrap(), [GroupVerdict::Keep(group)]);
    }
}

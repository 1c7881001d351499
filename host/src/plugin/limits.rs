use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $field:ident, $variant:ident, $key:literal, $default:literal, $unit:literal;)*) => {
        /// What one configured plugin may use. Every limit has a default that a well-behaved plugin on a large
        /// organisation stays far below, and is raised by one line of configuration.
        ///
        /// "A run" is the life of what [`Library::source`](super::Library::source) or
        /// [`Library::transform`](super::Library::transform) returned.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Limits {
            $($(#[doc = $doc])* #[doc = concat!("\n\nDefault: ", $default, " ", $unit, ".")] pub $field: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// These limits, with what a table of the configuration says instead.
            pub fn with(&self, overrides: &LimitOverrides) -> Self {
                Self { $($field: overrides.$field.unwrap_or(self.$field),)* }
            }

            /// In the limit's unit.
            pub fn get(&self, limit: Limit) -> u64 {
                match limit { $(Limit::$variant => self.$field,)* }
            }
        }

        /// The tables `[plugins.limits]` and `[connector.NAME.limits]` of `rollcall.toml`: what is absent keeps
        /// its default.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct LimitOverrides {
            $($(#[doc = $doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<u64>,)*
        }

        /// Names one of the [`Limits`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Limit {
            /// The key in `rollcall.toml`.
            pub fn key(self) -> &'static str {
                match self { $(Limit::$variant => $key,)* }
            }

            /// What its number counts, for people.
            pub fn unit(self) -> &'static str {
                match self { $(Limit::$variant => $unit,)* }
            }

            /// What it is and why its default is what it is, for people.
            pub fn help(self) -> &'static str {
                match self { $(Limit::$variant => concat!($($doc),*).trim_ascii_start(),)* }
            }

            pub const ALL: &[Limit] = &[$(Limit::$variant,)*];
        }
    };
}

limits! {
    /// The linear memories of one instance, together. A page of 1,000 people needs about 10 MiB in Rust;
    /// a Python interpreter starts at 50.
    memory_mib, Memory, "memory-mib", 256, "MiB";
    /// The elements of one instance's tables, together: function pointers. A Python interpreter has 20,000.
    table_elements, TableElements, "table-elements", 100_000, "elements";
    /// The core instances inside of one component. Rust has 1 to 4, Python some 20.
    instances, Instances, "instances", 64, "instances";
    /// What one call may execute; a unit is about one WebAssembly instruction, the default some 5 seconds of
    /// one core. Decoding a page of 1,000 people takes 50 million in Rust, 50 times as much in JavaScript.
    fuel_per_call, Fuel, "fuel-per-call", 10_000_000_000, "fuel";
    /// What one call of a plugin that imports WASI may take by the clock, because such a plugin can wait
    /// without executing anything. Others can't wait: their fuel is enough.
    call_timeout_seconds, CallTimeout, "call-timeout-seconds", 30, "seconds";
    /// What one call may hand to the host. A page of 1,000 people is 1 to 4 MiB.
    output_mib_per_call, OutputPerCall, "output-mib-per-call", 64, "MiB";
    /// What all calls of a run may hand to the host, together: a million people of 4 KiB, four times over.
    output_mib_per_run, OutputPerRun, "output-mib-per-run", 16_384, "MiB";
    /// Lines in the log over a run; more are dropped, and a hundred times as many stop the plugin.
    log_lines_per_run, LogLines, "log-lines-per-run", 10_000, "lines";
    /// Text in the log over a run; the line that goes over is cut, and a hundred times as much stops the plugin.
    log_kib_per_run, LogBytes, "log-kib-per-run", 1_024, "KiB";
    /// Requests over a run: stops a plugin that asks for the same page for ever. Half a million groups need
    /// as many.
    requests_per_run, Requests, "requests-per-run", 1_000_000, "requests";
    /// Users, groups, members and deletions in one page. Providers give at most a few thousand.
    records_per_page, Records, "records-per-page", 100_000, "records";
    /// The component file. Rust plugins have 0.1 to 0.4 MiB, JavaScript 12, Python 35.
    component_mib, ComponentSize, "component-mib", 64, "MiB";
}

impl Limits {
    /// A limit whose unit is MiB or KiB, in bytes; any other as it is.
    pub(super) fn amount(&self, limit: Limit) -> u64 {
        self.get(limit).saturating_mul(limit.scale())
    }

    pub(super) fn reached(&self, limit: Limit, seen: Option<u64>) -> LimitReached {
        LimitReached {
            limit,
            allowed: self.get(limit),
            seen: seen.map(|amount| amount.div_ceil(limit.scale())),
        }
    }

    /// An error when `amount`, in bytes where the unit is MiB or KiB, is over the limit.
    pub(super) fn check(&self, limit: Limit, amount: u64) -> Result<(), LimitReached> {
        if amount > self.amount(limit) { Err(self.reached(limit, Some(amount))) } else { Ok(()) }
    }
}

impl Limit {
    fn scale(self) -> u64 {
        match self.unit() {
            "MiB" => 1 << 20,
            "KiB" => 1 << 10,
            _ => 1,
        }
    }
}

/// A plugin went over one of its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LimitReached {
    pub limit: Limit,
    /// In the limit's unit.
    pub allowed: u64,
    /// What the plugin wanted or gave, in the limit's unit, where that is known.
    pub seen: Option<u64>,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "over its limit {} of {} {}", self.limit.key(), self.allowed, self.limit.unit())?;
        match self.seen {
            Some(seen) => write!(f, " ({seen} {})", self.limit.unit()),
            None => Ok(()),
        }
    }
}

impl LimitReached {
    /// The line of configuration that allows it; `connector` is whose table to name.
    pub fn hint(&self, connector: Option<&str>) -> String {
        let wanted =
            self.seen.map_or(self.allowed.saturating_mul(2), |seen| seen.saturating_add(seen / 4).max(1));
        let line = format!("{} = {wanted}", self.limit.key());
        match connector {
            Some(name) => format!(
                "if the plugin is right to need this, put `{line}` under `[connector.{name}.limits]`, or under \
                 `[plugins.limits]` for every connector"
            ),
            None => format!("if the plugin is right to need this, put `{line}` under `[plugins.limits]`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_configuration() {
        let table = serde_json::to_value(Limits::default()).unwrap();
        let table = table.as_object().unwrap();
        assert_eq!(table.len(), Limit::ALL.len());
        for limit in Limit::ALL {
            assert_eq!(table[limit.key()], Limits::default().get(*limit), "{}", limit.key());
            assert!(limit.help().ends_with('.') && !limit.help().contains("  "), "{}", limit.help());
        }
    }

    #[test]
    fn the_last_table_wins_and_absent_keys_keep_their_value() {
        let every: LimitOverrides = toml::from_str("memory-mib = 512\ninstances = 3").unwrap();
        let mine: LimitOverrides = toml::from_str("instances = 9").unwrap();
        let limits = Limits::default().with(&every).with(&mine);
        assert_eq!((limits.memory_mib, limits.instances), (512, 9));
        assert_eq!(limits.fuel_per_call, Limits::default().fuel_per_call);
        assert!(toml::from_str::<LimitOverrides>("memory = 1").is_err());
    }

    #[test]
    fn a_refusal_names_limit_value_and_the_line_that_raises_it() {
        let limits = Limits::default();
        let reached = limits.check(Limit::Memory, (300 << 20) + 1).unwrap_err();
        assert_eq!(reached.to_string(), "over its limit memory-mib of 256 MiB (301 MiB)");
        assert!(reached.hint(Some("okta")).contains("`memory-mib = 376` under `[connector.okta.limits]`"));
        assert!(limits.reached(Limit::Fuel, None).hint(None).contains("fuel-per-call = 20000000000"));
        assert!(limits.check(Limit::Memory, 256 << 20).is_ok());
    }
}

use rollcall_plugin::Error;

/// The one action that a rule's keys name.
///
/// # Errors
///
/// None or several; and keys that belong to another action.
pub fn single_action(
    path: &str,
    actions: &[(&'static str, &[&str])],
    present: &[(&'static str, bool)],
) -> Result<&'static str, Error> {
    let named = |key: &&str| present.iter().any(|(name, is)| name == key && *is);
    let found: Vec<&'static str> = actions.iter().map(|(key, _)| *key).filter(named).collect();
    let (action, keys) = match found.as_slice() {
        [one] => {
            actions.iter().find(|(key, _)| key == one).map_or((*one, &[][..]), |(key, keys)| (*key, *keys))
        }
        [] => {
            let known: Vec<_> = actions.iter().map(|(key, _)| *key).collect();
            return Err(Error::settings(path, "the rule does nothing")
                .with_hint(format!("give it one of {}", known.join(", "))));
        }
        [first, second, ..] => {
            return Err(Error::settings(
                format!("{path}.{second}"),
                format!("the rule has both `{first}` and `{second}`"),
            )
            .with_hint("write two rules: they run in the order written"));
        }
    };
    let stray = present.iter().find(|(key, is)| *is && *key != action && !keys.contains(key));
    match stray {
        Some((key, _)) => {
            let of: Vec<_> = actions
                .iter()
                .filter(|(_, keys)| keys.contains(key))
                .map(|(key, _)| format!("`{key}`"))
                .collect();
            Err(Error::settings(format!("{path}.{key}"), format!("`{key}` means nothing beside `{action}`"))
                .with_hint(format!("it belongs to {}", of.join(" and "))))
        }
        None => Ok(action),
    }
}

/// The candidate that someone who wrote `written` most likely meant, if there is one close enough.
///
/// ```
/// use rollcall::config::nearest;
///
/// assert_eq!(nearest("end-piont", ["plugin", "endpoint"]), Some("endpoint"));
/// assert_eq!(nearest("colour", ["plugin", "endpoint"]), None);
/// ```
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let wanted = plain(written);
    candidates
        .into_iter()
        .map(|candidate| {
            let known = plain(candidate);
            let likeness = match known == wanted {
                true => 2.0,
                // Jaro-Winkler favours common beginnings, which is how people mistype keys and names.
                false => strsim::jaro_winkler(&known, &wanted),
            };
            (likeness, candidate)
        })
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys =
            ["plugin", "plugin-version", "endpoint", "credential", "settings", "http", "limits", "transform"];
        for (written, meant) in [
            ("pluginn", Some("plugin")),
            ("Plugin", Some("plugin")),
            ("plugin_version", Some("plugin-version")),
            ("credentials", Some("credential")),
            ("setings", Some("settings")),
            ("transforms", Some("transform")),
            ("limit", Some("limits")),
            ("schedule", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }
}

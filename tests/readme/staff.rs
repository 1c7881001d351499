//! Only members of some groups come into the directory, and user names are in lower case.

use rollcall_plugin::{Error, Person, Plugin, Transform, Verdict};

#[derive(serde::Deserialize)]
pub struct Staff {
    /// Names of groups.
    groups: Vec<String>,
}

impl Plugin for Staff {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Error> {
        Ok(settings)
    }
}

impl Transform for Staff {
    fn shape_person(&self, mut person: Person) -> Result<Verdict, Error> {
        if !self.groups.iter().any(|group| person.is_in(group)) {
            return Ok(Verdict::Drop("no member of staff".into()));
        }
        person.user.username = person.user.username.to_lowercase();
        Ok(Verdict::Keep(person))
    }
}

rollcall_plugin::export_transform!(Staff);

#[cfg(test)]
mod tests {
    use rollcall_plugin::{GroupRef, User, testing};

    use super::*;

    #[test]
    fn who_is_in_no_group_of_staff_is_out_of_scope() {
        let staff: Staff = testing::configure(serde_json::json!({ "groups": ["Sales"] })).unwrap();
        let user = User { username: "Ann@Acme.example".into(), ..User::default() };
        let ann = Person { user, groups: vec![GroupRef { id: None, name: "Sales".into() }] };
        let Verdict::Keep(kept) = staff.shape_person(ann.clone()).unwrap() else { panic!("Ann is in Sales") };
        assert_eq!(kept.user.username, "ann@acme.example");
        let ann = Person { groups: Vec::new(), ..ann };
        assert!(matches!(staff.shape_person(ann), Ok(Verdict::Drop(_))));
    }
}

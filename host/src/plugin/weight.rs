use crate::model::{
    Attribute, Group, GroupVerdict, Header, Members, Page, Person, PluginError, Problem, Request, Subject,
    User, Value, Verdict,
};

/// About how many bytes of the host's memory a plugin's answer takes: the sum that a run's output limit
/// counts. The text in it, and a fixed amount for each record and list item.
pub(super) trait Weight {
    fn weight(&self) -> u64;
}

/// What a record, a string or a list item takes beside its text.
const ITEM: u64 = 24;

impl Weight for String {
    fn weight(&self) -> u64 {
        ITEM + self.len() as u64
    }
}

impl Weight for u8 {
    fn weight(&self) -> u64 {
        1
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> u64 {
        self.as_ref().map_or(0, Weight::weight)
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> u64 {
        self.iter().map(Weight::weight).sum()
    }
}

impl<A: Weight, B: Weight> Weight for (A, B) {
    fn weight(&self) -> u64 {
        self.0.weight() + self.1.weight()
    }
}

impl Weight for Value {
    fn weight(&self) -> u64 {
        match self {
            Value::Text(text) | Value::Json(text) => text.weight(),
            Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) => ITEM,
            Value::Texts(texts) => texts.weight(),
        }
    }
}

impl Weight for Attribute {
    fn weight(&self) -> u64 {
        self.name.weight() + self.value.weight()
    }
}

impl Weight for User {
    fn weight(&self) -> u64 {
        let names = [&self.email, &self.display_name, &self.given_name, &self.family_name];
        ITEM + self.id.weight()
            + self.username.weight()
            + names.into_iter().map(Weight::weight).sum::<u64>()
            + self.attributes.weight()
    }
}

impl Weight for Group {
    fn weight(&self) -> u64 {
        ITEM + self.id.weight() + self.name.weight() + self.description.weight() + self.attributes.weight()
    }
}

impl Weight for Subject {
    fn weight(&self) -> u64 {
        match self {
            Subject::User(id) | Subject::Group(id) => id.weight(),
        }
    }
}

impl Weight for PluginError {
    fn weight(&self) -> u64 {
        self.code.weight() + self.message.weight() + self.hint.weight() + self.details.weight()
    }
}

impl Weight for Problem {
    fn weight(&self) -> u64 {
        self.subject.weight() + self.error.weight()
    }
}

impl Weight for Header {
    fn weight(&self) -> u64 {
        self.name.weight() + self.value.weight()
    }
}

impl Weight for Request {
    fn weight(&self) -> u64 {
        ITEM + self.path.weight()
            + self.headers.weight()
            + self.body.weight()
            + self.bucket.weight()
            + self.about.weight()
            + self.version.weight()
            + self.context.weight()
    }
}

impl Weight for Members {
    fn weight(&self) -> u64 {
        match self {
            Members::Some(ids) | Members::Add(ids) | Members::Remove(ids) => ids.weight(),
            Members::Everyone => 0,
            Members::Unknown(reason) => reason.weight(),
        }
    }
}

impl Weight for Page {
    fn weight(&self) -> u64 {
        let memberships =
            self.memberships.iter().map(|membership| membership.group.weight() + membership.members.weight());
        self.users.weight()
            + self.groups.weight()
            + memberships.sum::<u64>()
            + self.gone.weight()
            + self.problems.weight()
            + self.checkpoints.weight()
            + self.next.weight()
            + self.extra.weight()
    }
}

impl Weight for Person {
    fn weight(&self) -> u64 {
        let groups = self.groups.iter().map(|group| ITEM + group.id.weight() + group.name.weight());
        self.user.weight() + groups.sum::<u64>()
    }
}

impl Weight for GroupVerdict {
    fn weight(&self) -> u64 {
        match self {
            GroupVerdict::Keep(group) | GroupVerdict::Hide(group) => group.weight(),
            GroupVerdict::Drop(reason) => reason.weight(),
        }
    }
}

impl Weight for Verdict {
    fn weight(&self) -> u64 {
        match self {
            Verdict::Keep(person) => person.weight(),
            Verdict::Drop(reason) => reason.weight(),
            Verdict::Skip(problem) => problem.weight(),
        }
    }
}

/// Users, groups, members, deletions and problems.
pub(super) fn records(page: &Page) -> u64 {
    let members = page.memberships.iter().map(|membership| match &membership.members {
        Members::Some(ids) | Members::Add(ids) | Members::Remove(ids) => ids.len().max(1),
        Members::Everyone | Members::Unknown(_) => 1,
    });
    (page.users.len() + page.groups.len() + members.sum::<usize>() + page.gone.len() + page.problems.len())
        as u64
}

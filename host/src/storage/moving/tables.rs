//! Which tables move, and what of them. Both storages read and write by this one list; what is not in it
//! is derived, or ends with the store's host (`NOT_MOVED`, `DERIVED`).

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, JSON too: as it stands, whether it can be read or not.
    Text,
    /// A number of 64 bits.
    Int,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The same in both storages.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
    /// Whether it may be empty.
    pub nullable: bool,
}

const fn column(name: &'static str, kind: Kind, nullable: bool) -> Column {
    Column { name, kind, nullable }
}
const fn text(name: &'static str) -> Column {
    column(name, Kind::Text, false)
}
const fn maybe_text(name: &'static str) -> Column {
    column(name, Kind::Text, true)
}
const fn int(name: &'static str) -> Column {
    column(name, Kind::Int, false)
}
const fn maybe_int(name: &'static str) -> Column {
    column(name, Kind::Int, true)
}
const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes, false)
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The same in both storages.
    pub name: &'static str,
    /// In the order in which rows have them.
    pub columns: &'static [Column],
    /// Its rows are in the order of these: an index has it, in both storages.
    pub key: &'static [&'static str],
    /// The column whose numbers the store itself gives, each once.
    pub numbered: Option<&'static str>,
    /// A column that does not move, and the one that it begins as.
    pub begins_as: Option<(&'static str, &'static str)>,
}

impl Table {
    /// The place of a column in a row.
    #[must_use]
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|it| it.name == column)
    }

    /// The columns for a statement.
    #[must_use]
    pub fn column_list(&self) -> String {
        quoted(self.columns.iter().map(|it| it.name))
    }

    /// All rows in their order.
    #[must_use]
    pub fn select(&self) -> String {
        self.select_from(self.name)
    }

    /// The same where a storage has its columns in more than one table.
    #[must_use]
    pub fn select_from(&self, tables: &str) -> String {
        let key = quoted(self.key.iter().copied());
        format!("SELECT {} FROM {tables} ORDER BY {key}", self.column_list())
    }
}

/// `user` is a word of SQL's own.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}

/// What moves, in this order. Who holds a lease and until when does not: whoever held it is not there any
/// more, and so a job is available when it is due. Its token moves: tokens only grow.
pub static TABLES: [Table; 10] = [
    Table {
        name: "tenants",
        columns: &[
            text("name"),
            text("state"),
            text("limits"),
            maybe_text("component"),
            int("created_at"),
        ],
        key: &["name"],
        numbered: None,
        begins_as: None,
    },
    Table {
        name: "components",
        columns: &[text("digest"), bytes("bytes"), int("created_at")],
        key: &["digest"],
        numbered: None,
        begins_as: None,
    },
    Table {
        name: "tokens",
        columns: &[
            text("id"),
            text("tenant"),
            bytes("hash"),
            text("agent"),
            text("user"),
            text("scopes"),
            maybe_text("timezone"),
            int("created_at"),
            maybe_int("expires_at"),
        ],
        key: &["id"],
        numbered: None,
        begins_as: None,
    },
    Table {
        name: "jobs",
        columns: &[
            int("seq"),
            text("tenant"),
            text("id"),
            text("agent"),
            text("user"),
            text("created_by"),
            int("created_at"),
            int("updated_at"),
            int("revision"),
            text("status"),
            text("job_type"),
            text("title"),
            maybe_text("idempotency_key"),
            maybe_int("due_at"),
            int("lease_token"),
            maybe_text("open_run"),
            text("spec"),
            text("state"),
        ],
        key: &["tenant", "id"],
        numbered: Some("seq"),
        begins_as: Some(("available_at", "due_at")),
    },
    Table {
        name: "runs",
        columns: &[
            text("tenant"),
            text("id"),
            text("job"),
            int("slot"),
            text("status"),
            text("body"),
        ],
        key: &["tenant", "id"],
        numbered: None,
        begins_as: None,
    },
    Table {
        name: "edges",
        columns: &[
            text("tenant"),
            text("dependent"),
            text("prerequisite"),
            text("condition"),
            int("delay_seconds"),
            text("status"),
            maybe_int("settled_at"),
        ],
        key: &["tenant", "dependent", "prerequisite"],
        numbered: None,
        begins_as: None,
    },
    Table {
        name: "messages",
        columns: &[
            int("position"),
            text("tenant"),
            text("id"),
            text("once_key"),
            text("kind"),
            text("job"),
            maybe_text("run"),
            text("agent"),
            text("user"),
            maybe_text("conversation"),
            maybe_text("related_entity_id"),
            maybe_text("narrative_id"),
            text("title"),
            text("text"),
            text("delivery"),
            int("created_at"),
        ],
        key: &["position"],
        numbered: Some("position"),
        begins_as: None,
    },
    Table {
        name: "changes",
        columns: &[
            int("position"),
            text("tenant"),
            text("job"),
            int("at"),
            text("from_status"),
            text("to_status"),
            text("by"),
            maybe_text("code"),
            maybe_text("message"),
        ],
        key: &["position"],
        numbered: Some("position"),
        begins_as: None,
    },
    Table {
        name: "turns",
        columns: &[
            int("position"),
            text("tenant"),
            text("agent"),
            text("user"),
            text("conversation"),
            text("speaker"),
            text("text"),
            int("at"),
        ],
        key: &["tenant", "agent", "user", "conversation", "position"],
        numbered: Some("position"),
        begins_as: None,
    },
    Table {
        name: "usage_by_day",
        columns: &[
            text("tenant"),
            int("day"),
            int("tokens"),
            int("cost_micros"),
            int("tool_calls"),
            int("milliseconds"),
            int("reserved_tokens"),
            int("reserved_cost_micros"),
            int("reserved_tool_calls"),
            int("reserved_milliseconds"),
        ],
        key: &["tenant", "day"],
        numbered: None,
        begins_as: None,
    },
];

/// Columns of these tables that stay: a lease ends with its host. (In Postgres leases have a table of their own, `agenda`.)
pub const NOT_MOVED: [(&str, &str); 3] = [
    ("jobs", "lease_owner"),
    ("jobs", "lease_until"),
    ("jobs", "available_at"),
];

/// Tables that a store makes from the others, or that are about itself.
pub const DERIVED: [&str; 9] = [
    "stored",
    "job_text",
    "job_words",
    "texts",
    "half_imported",
    "outboxes",
    "registry",
    "schema_version",
    "sqlite_sequence",
];

/// The table of this name.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

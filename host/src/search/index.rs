//! One tenant's texts in memory: which jobs have a word's stem, and a vector for each job.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use rust_stemmers::{Algorithm, Stemmer};

use super::rows::{Owners, Row};
use super::vocabulary::Vocabulary;
use crate::embedding::{Matrix, Vector};
use crate::storage::texts::{JobTexts, StoredVector};
use crate::storage::words::of_text;

pub(super) struct Index {
    /// What it knows: all revisions up to this one.
    revision: u64,
    pub(super) rows: Vec<Row>,
    /// The row of a job's number.
    pub(super) row_of: HashMap<u64, usize>,
    pub(super) owners: Owners,
    /// For each stem the rows that have it, each twice, plus one where it is in the title.
    pub(super) stems: HashMap<Box<str>, Vec<u32>>,
    pub(super) vocabulary: Vocabulary,
    /// The model of the vectors, and one vector a row; none before the first one came.
    model: Option<String>,
    pub(super) matrix: Option<Matrix>,
    vectors: usize,
    /// Bytes of rows, stems and words, about.
    bytes: usize,
    hasher: RandomState,
}

/// Bytes of a row with its place in the maps, of a row's stem, and of a word beside its letters, about.
const ROW_BYTES: usize = 96;
const STEM_BYTES: usize = 6;
const WORD_BYTES: usize = 160;

impl Index {
    /// One that knows nothing, and keeps vectors of a model.
    pub(super) fn new(model: Option<String>) -> Self {
        Self {
            revision: 0,
            rows: Vec::new(),
            row_of: HashMap::new(),
            owners: Owners::default(),
            stems: HashMap::new(),
            vocabulary: Vocabulary::default(),
            model,
            matrix: None,
            vectors: 0,
            bytes: 0,
            hasher: RandomState::new(),
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Rows that are kept, those included whose texts are others now.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let vectors = self.matrix.as_ref().map_or(0, Matrix::bytes);
        self.bytes + vectors + self.vocabulary.len() * WORD_BYTES
    }

    /// Jobs that it knows.
    pub(super) fn jobs(&self) -> usize {
        self.row_of.len()
    }

    pub(super) fn has_vectors(&self) -> bool {
        self.vectors > 0
    }

    /// Takes in what is new; what it has seen before, because another did the same meanwhile, changes nothing.
    pub(super) fn learn(&mut self, texts: Vec<JobTexts>) {
        let stemmer = Stemmer::create(Algorithm::English);
        for mut job in texts {
            if job.revision > self.revision {
                self.revision = job.revision;
                let (number, vector) = (job.number, job.vector.take());
                let row = self.row(job, &stemmer);
                self.set_vector(row, number, vector);
            }
        }
    }

    /// The row of a job with these texts.
    fn row(&mut self, job: JobTexts, stemmer: &Stemmer) -> usize {
        let hash = self.hasher.hash_one((&job.title, &job.description));
        if let Some(known) = self.row_of.get(&job.number).copied()
            && let Some(row) = self.rows.get_mut(known)
        {
            if row.hash == hash {
                return known;
            }
            row.live = false;
            self.vectors -= usize::from(row.has_vector);
            row.has_vector = false;
        }
        let at = self.rows.len();
        let place = u32::try_from(at).unwrap_or(u32::MAX / 2);
        let mut stems: BTreeSet<(String, bool)> = BTreeSet::new();
        for (text, in_title) in [(&job.title, true), (&job.description, false)] {
            for word in of_text(text) {
                self.vocabulary.add(&word);
                let stem = stemmer.stem(&word).into_owned();
                if in_title || !stems.contains(&(stem.clone(), true)) {
                    stems.insert((stem, in_title));
                }
            }
        }
        self.bytes += ROW_BYTES + stems.len() * STEM_BYTES;
        for (stem, in_title) in stems {
            let rows = self.stems.entry(stem.into_boxed_str()).or_default();
            rows.push(place * 2 + u32::from(in_title));
        }
        self.rows.push(Row {
            number: job.number,
            owner: self.owners.number(job.agent, job.user),
            hash,
            live: true,
            has_vector: false,
        });
        self.row_of.insert(job.number, at);
        if let Some(matrix) = &mut self.matrix {
            push_empty(matrix);
        }
        at
    }

    fn set_vector(&mut self, at: usize, number: u64, stored: Option<StoredVector>) {
        let ours = stored.filter(|stored| self.model.as_ref() == Some(&stored.model));
        let vector = ours.and_then(|stored| stored.bytes).and_then(|bytes| {
            let damaged = |error: &_| tracing::warn!(number, %error, "a job's vector is passed over");
            Vector::from_bytes(&bytes).inspect_err(damaged).ok()
        });
        let Some(vector) = vector else { return };
        let rows = self.rows.len();
        let matrix = self.matrix.get_or_insert_with(|| {
            let mut matrix = Matrix::new(vector.dimensions());
            (0..rows).for_each(|_| push_empty(&mut matrix));
            matrix
        });
        match (matrix.set(at, &vector), self.rows.get_mut(at)) {
            (Ok(()), Some(row)) => {
                self.vectors += usize::from(!row.has_vector);
                row.has_vector = true;
            }
            (Err(error), _) => tracing::warn!(number, %error, "a job's vector is passed over"),
            _ => {}
        }
    }
}

fn push_empty(matrix: &mut Matrix) {
    // Its direction does not matter: it is cleared.
    if let Ok(any) = Vector::of(&vec![1.0; matrix.dimensions()])
        && let Ok(row) = matrix.push(&any)
    {
        matrix.clear(row);
    }
}

//! One tenant's texts in memory: which jobs have a word's stem, and a vector for each job.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use rust_stemmers::{Algorithm, Stemmer};

use super::best::Best;
use super::vocabulary::Vocabulary;
use crate::embedding::{Matrix, Vector};
use crate::limits::SEARCH_REPAIRED_WORDS_MAX;
use crate::storage::texts::{JobTexts, StoredVector};
use crate::storage::words::{STOP_WORDS, of_text};
use crate::wit::storage::JobFilter;

/// How much more a stem in the title counts than one in the description, as a share: it decides between jobs that
/// are alike otherwise.
const TITLE_MORE: f32 = 0.02;
/// What coverage adds to the cosine; what the cosine of a job without a vector yet is taken for, of its coverage.
const COVERAGE_WEIGHT: f32 = 0.4;
const COSINE_OF_COVERAGE: f32 = 0.5;

pub(super) struct Index {
    /// What it knows: all revisions up to this one.
    revision: u64,
    rows: Vec<Row>,
    /// The row of a job's number.
    row_of: HashMap<u64, usize>,
    owners: Owners,
    /// For each stem the rows that have it, each twice, plus one where it is in the title.
    stems: HashMap<Box<str>, Vec<u32>>,
    vocabulary: Vocabulary,
    /// The model of the vectors, and one vector a row; none before the first one came.
    model: Option<String>,
    matrix: Option<Matrix>,
    vectors: usize,
    /// Bytes of rows, stems and words, about.
    bytes: usize,
    hasher: RandomState,
}

/// Bytes of a row with its place in the maps, of a row's stem, and of a word beside its letters, about.
const ROW_BYTES: usize = 96;
const STEM_BYTES: usize = 6;
const WORD_BYTES: usize = 160;

struct Row {
    number: u64,
    owner: u32,
    /// Of the texts: whether they changed.
    hash: u64,
    /// False: its texts are others now, in another row.
    live: bool,
    has_vector: bool,
}

impl Row {
    /// Whether it may be shown: `passing` says which owners' jobs may.
    fn passes(&self, passing: &[bool]) -> bool {
        self.live && passing.get(self.owner as usize).copied().unwrap_or(false)
    }
}

/// Whose the jobs are.
#[derive(Default)]
struct Owners {
    numbers: HashMap<(String, String), u32>,
    names: Vec<(String, String)>,
}

impl Owners {
    fn number(&mut self, agent: String, user: String) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name = (agent, user);
        *self.numbers.entry(name.clone()).or_insert_with(|| {
            self.names.push(name);
            next
        })
    }

    /// Of each, whether the filter lets its jobs pass.
    fn passing(&self, filter: &JobFilter) -> Vec<bool> {
        let passes = |(agent, user): &(String, String)| {
            filter.agent.as_ref().is_none_or(|asked| asked == agent)
                && filter.user.as_ref().is_none_or(|asked| asked == user)
        };
        self.names.iter().map(passes).collect()
    }
}

/// A question, as it is looked for.
pub(super) struct Asked {
    /// Stems that are known, with their weights: the rarer, the more.
    stems: Vec<(Box<str>, f32)>,
    /// The weight of all stems, those that are not known included.
    weight: f32,
    /// The question with misspelt words as they were meant; none: nothing was misspelt.
    pub(super) repaired: Option<String>,
}

/// How well each row fits a question; the least there is where it may not be shown.
pub(super) struct Measures {
    of_rows: Vec<f32>,
    /// Whether vectors were compared.
    pub(super) is_semantic: bool,
}

/// What is compared with the jobs' vectors: a direction, and how much of a cosine counts.
pub(super) struct Direction {
    pub(super) numbers: Vec<f32>,
    pub(super) share: f32,
}

impl Direction {
    /// Such that each vector's cosine is the mean of its cosines with all of these.
    pub(super) fn mean(vectors: &[Vector]) -> Option<Self> {
        let mut sum = vectors.first()?.to_f32();
        for vector in vectors.iter().skip(1) {
            let other = vector.to_f32();
            sum.iter_mut().zip(other).for_each(|(sum, more)| *sum += more);
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        Some(Self {
            numbers: sum,
            share: length / vectors.len() as f32,
        })
    }
}

/// Words that a question is looked for by: without those that say nothing, unless there are no others.
pub(super) fn telling(text: &str) -> Vec<String> {
    let words = of_text(text);
    let telling = words.iter().filter(|word| !STOP_WORDS.contains(&word.as_str()));
    let telling: Vec<String> = telling.cloned().collect();
    if telling.is_empty() { words } else { telling }
}

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

    /// What a question looks for.
    pub(super) fn ask(&self, text: &str) -> Asked {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut stems: Vec<(Box<str>, f32)> = Vec::new();
        let (mut weight, mut meant) = (0.0, Vec::new());
        let mut asked: BTreeSet<String> = BTreeSet::new();
        for word in telling(text) {
            let mut stem = stemmer.stem(&word).into_owned();
            let is_known = self.stems.contains_key(stem.as_str()) || asked.contains(&stem);
            if !is_known
                && meant.len() < SEARCH_REPAIRED_WORDS_MAX
                && let Some(known) = self.vocabulary.meant(&word)
            {
                stem = stemmer.stem(known).into_owned();
                meant.push((word, known.to_owned()));
            }
            if asked.insert(stem.clone()) {
                let rows = self.stems.get(stem.as_str()).map_or(0, Vec::len);
                let rarity = ((self.rows.len() as f32 + 1.0) / (rows as f32 + 0.5))
                    .ln()
                    .max(0.05);
                weight += rarity;
                if rows > 0 {
                    stems.push((stem.into_boxed_str(), rarity));
                }
            }
        }
        let repaired = (!meant.is_empty()).then(|| {
            let word = |word: String| {
                let meant = meant.iter().find(|(misspelt, _)| *misspelt == word);
                meant.map_or(word.clone(), |(_, meant)| meant.clone())
            };
            of_text(text).into_iter().map(word).collect::<Vec<_>>().join(" ")
        });
        Asked {
            stems,
            weight,
            repaired,
        }
    }

    /// Terms that may have been meant by some that no job has: the last one as the beginning of a word, then misspelt
    /// ones as they were meant.
    pub(super) fn other_terms(
        &self,
        terms: &[String],
        filter: &JobFilter,
        completions: usize,
    ) -> Vec<Vec<String>> {
        let passing = self.owners.passing(filter);
        let stemmer = Stemmer::create(Algorithm::English);
        let is_somebodys = |word: &str| {
            let rows = self.stems.get(&*stemmer.stem(word)).into_iter().flatten();
            let mut rows = rows.filter_map(|entry| self.rows.get(*entry as usize / 2));
            rows.any(|row| row.passes(&passing))
        };
        let words: Vec<Vec<String>> = terms.iter().map(|term| of_text(term)).collect();
        let mut others = Vec::new();
        if let Some((last, before)) = words.split_last()
            && let Some((beginning, of_last)) = last.split_last()
        {
            for word in self.vocabulary.completions(beginning, completions, is_somebodys) {
                let last = of_last.iter().chain([&word]).cloned().collect::<Vec<_>>();
                others.push(
                    before
                        .iter()
                        .chain([&last])
                        .map(|words| words.join(" "))
                        .collect(),
                );
            }
        }
        let mut left = SEARCH_REPAIRED_WORDS_MAX;
        let mut meant = |word: &String| {
            let known = left > 0 && self.vocabulary.knows(word);
            left = left.saturating_sub(usize::from(!known));
            let meant = if left > 0 {
                self.vocabulary.meant(word)
            } else {
                None
            };
            meant.map_or(word.clone(), str::to_owned)
        };
        let meant: Vec<Vec<String>> = words
            .iter()
            .map(|words| words.iter().map(&mut meant).collect())
            .collect();
        if meant != words {
            others.push(meant.iter().map(|words| words.join(" ")).collect());
        }
        others
    }

    /// The share of the question's weight that each row has.
    fn coverage(&self, asked: &Asked) -> Vec<f32> {
        let mut coverage = vec![0.0_f32; self.rows.len()];
        for (stem, weight) in &asked.stems {
            let share = weight / asked.weight;
            for entry in self.stems.get(stem).into_iter().flatten() {
                let more = if entry % 2 == 1 { TITLE_MORE } else { 0.0 };
                if let Some(coverage) = coverage.get_mut(*entry as usize / 2) {
                    *coverage += share * (1.0 + more);
                }
            }
        }
        coverage
    }

    /// How well each job fits that a filter's owner has. Without a direction only jobs that share a word with the
    /// question fit.
    pub(super) fn measure(
        &self,
        asked: &Asked,
        direction: Option<&Direction>,
        filter: &JobFilter,
    ) -> Measures {
        let mut of_rows = self.coverage(asked);
        let passing = self.owners.passing(filter);
        let cosines = direction
            .zip(self.matrix.as_ref())
            .and_then(|(direction, matrix)| {
                let mut cosines = Vec::new();
                let compared = matrix.cosines(&direction.numbers, &mut cosines);
                let failed = |error: &_| tracing::warn!(%error, "a search goes by words alone");
                let compared = compared.inspect_err(failed).ok();
                compared.map(|()| (cosines, direction.share))
            });
        for (at, (row, measure)) in self.rows.iter().zip(&mut of_rows).enumerate() {
            let covered = *measure;
            *measure = match &cosines {
                _ if !row.passes(&passing) => f32::NEG_INFINITY,
                Some((cosines, share)) => {
                    let cosine = match row.has_vector {
                        true => cosines.get(at).copied().unwrap_or(0.0) * share,
                        false => COSINE_OF_COVERAGE * covered,
                    };
                    COVERAGE_WEIGHT.mul_add(covered * covered, cosine)
                }
                None if covered > 0.0 => covered,
                None => f32::NEG_INFINITY,
            };
        }
        Measures {
            of_rows,
            is_semantic: cosines.is_some(),
        }
    }

    /// The numbers of the jobs that fit best, with their scores, best first and at most `count`: of all jobs, or of
    /// some.
    pub(super) fn best(&self, measures: &Measures, among: Option<&[u64]>, count: usize) -> Vec<(u64, f64)> {
        let mut best = Best::new(count);
        let mut look = |row: &Row, measure: f32| {
            if measure > f32::NEG_INFINITY {
                best.put(measure, row.number);
            }
        };
        match among {
            None => {
                let rows = self.rows.iter().zip(&measures.of_rows);
                rows.for_each(|(row, measure)| look(row, *measure));
            }
            Some(numbers) => {
                let rows = numbers.iter().filter_map(|number| self.row_of.get(number));
                rows.filter_map(|at| Some((self.rows.get(*at)?, *measures.of_rows.get(*at)?)))
                    .for_each(|(row, measure)| look(row, measure));
            }
        }
        let score = if measures.is_semantic {
            by_meaning
        } else {
            by_words
        };
        let best = best.first().into_iter();
        best.map(|(measure, number)| (number, score(measure))).collect()
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

/// A share of the question's words as a score.
fn by_words(coverage: f32) -> f64 {
    f64::from(coverage).clamp(0.0, 1.0)
}

/// Cosine and coverage as a score: from 0.7 it fits well, from 0.4 it may (`wit/storage.wit`, `hit`). Between these
/// points it grows evenly.
fn by_meaning(measure: f32) -> f64 {
    const POINTS: [(f64, f64); 4] = [(0.0, 0.0), (0.35, 0.4), (0.7, 0.7), (1.4, 1.0)];
    let measure = f64::from(measure);
    for pair in POINTS.windows(2) {
        if let [(from, low), (to, high)] = pair
            && measure < *to
        {
            let share = ((measure - from) / (to - from)).max(0.0);
            return low + share * (high - low);
        }
    }
    1.0
}

//! The model's code and numbers in memory.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokenizers::{Tokenizer, TruncationParams};

use super::{Lane, MODEL, unusable};
use crate::background::lower_priority;
use crate::embedding::files::{TOKENIZER, WEIGHTS};
use crate::embedding::text::start;
use crate::embedding::{EmbeddingError, Vector};
use crate::limits::{EMBEDDER_BATCH_TOKENS, EMBEDDER_TEXT_BYTES_MAX, EMBEDDER_TEXT_TOKENS_MAX};

pub(super) struct Model {
    bert: BertModel,
    tokenizer: Tokenizer,
    /// One thread a lane: a second one would take twice the CPU time to be a little faster.
    threads: [ThreadPool; Lane::COUNT],
}

/// Texts of about the same length that are computed together, as tokens.
#[derive(Default)]
pub(super) struct Batch {
    /// Where each text stands among those that were given.
    places: Vec<usize>,
    /// The texts' tokens.
    tokens: Vec<Vec<u32>>,
}

impl Model {
    /// Reads and checks its files: some hundred milliseconds.
    pub(super) fn load(directory: &Path) -> Result<Self, EmbeddingError> {
        let config = Config {
            hidden_size: 384,
            num_hidden_layers: 6,
            num_attention_heads: 12,
            intermediate_size: 1_536,
            ..Config::default()
        };
        let tokenizer = TOKENIZER.read(directory)?;
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(|error| unusable(&error))?;
        let truncation = TruncationParams {
            max_length: EMBEDDER_TEXT_TOKENS_MAX,
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| unusable(&error))?;
        tokenizer.with_padding(None);
        // "[SEP]" in a text is a word like any other.
        tokenizer.set_encode_special_tokens(true);
        let weights = WEIGHTS.read(directory)?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu);
        let bert = weights.and_then(|weights| BertModel::load(weights, &config));
        let bert = bert.map_err(|error| unusable(&error))?;
        let threads = [thread(|_| {})?, thread(|_| lower_priority())?];
        Ok(Self {
            bert,
            tokenizer,
            threads,
        })
    }

    /// Texts as batches of [`EMBEDDER_BATCH_TOKENS`] at most, or of one text.
    pub(super) fn batches(&self, texts: &[String]) -> Result<Vec<Batch>, EmbeddingError> {
        let mut tokens = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let text = start(text, EMBEDDER_TEXT_BYTES_MAX);
            let encoding = self.tokenizer.encode_fast(text, true);
            let encoding = encoding.map_err(|error| unusable(&error))?;
            tokens.push((at, encoding.get_ids().to_vec()));
        }
        tokens.sort_by_key(|(_, tokens)| tokens.len());
        let mut batches = Vec::new();
        let mut batch = Batch::default();
        for (at, tokens) in tokens {
            // All are padded to the longest, which is the last.
            if !batch.places.is_empty() && (batch.places.len() + 1) * tokens.len() > EMBEDDER_BATCH_TOKENS {
                batches.push(std::mem::take(&mut batch));
            }
            batch.places.push(at);
            batch.tokens.push(tokens);
        }
        batches.push(batch);
        Ok(batches)
    }

    /// The vectors of a batch's texts, each with its text's place.
    pub(super) fn vectors(&self, batch: &Batch, lane: Lane) -> Result<Vec<(usize, Vector)>, EmbeddingError> {
        let thread = &self.threads[lane as usize];
        let means = thread
            .install(|| self.means(batch))
            .map_err(|error| unusable(&error))?;
        let vectors = batch.places.iter().zip(means).map(|(at, mean)| {
            let vector = Vector::of(&mean).map_err(|error| EmbeddingError::Vector {
                model: MODEL.to_owned(),
                error,
            })?;
            Ok((*at, vector))
        });
        vectors.collect()
    }

    /// For each text the sum of its tokens' vectors: it has the direction of their mean.
    fn means(&self, batch: &Batch) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = batch.tokens.iter().map(Vec::len).max().unwrap_or(0);
        let shape = (batch.tokens.len(), longest);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for tokens in &batch.tokens {
            let padding = longest - tokens.len();
            ids.extend(tokens.iter().copied().chain(std::iter::repeat_n(0, padding)));
            mask.extend(
                tokens
                    .iter()
                    .map(|_| 1_f32)
                    .chain(std::iter::repeat_n(0.0, padding)),
            );
        }
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let tokens = self.bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let counted = tokens.broadcast_mul(&mask.unsqueeze(2)?)?;
        counted.sum(1)?.to_vec2()
    }
}

/// A thread in which candle's code finds no others to share its work with.
fn thread(start: impl Fn(usize) + Send + Sync + 'static) -> Result<ThreadPool, EmbeddingError> {
    let pool = ThreadPoolBuilder::new().num_threads(1).start_handler(start);
    let pool = pool.thread_name(|_| "embedder".into()).build();
    pool.map_err(|error| {
        EmbeddingError::Unavailable(format!("no thread for the model can be started: {error}"))
    })
}

//! What is answered to a request for embeddings.

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    /// Which text's it is; without one they have the texts' order.
    index: Option<usize>,
    /// `null` is how some servers write NaN.
    embedding: Vec<Option<f64>>,
}

/// The numbers for each of `count` texts, in the texts' order.
pub(super) fn numbers(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        format!("answered no list of embeddings ({error}): is that the address of a model?")
    })?;
    let found = answer.data.len();
    if found != count {
        return Err(format!("answered {found} embeddings for {count} texts"));
    }
    let mut numbers: Vec<Option<Vec<f32>>> = vec![None; count];
    for (at, embedding) in answer.data.into_iter().enumerate() {
        let index = embedding.index.unwrap_or(at);
        let place = numbers.get_mut(index).filter(|place| place.is_none());
        let place =
            place.ok_or_else(|| format!("answered a wrong `index`, {index}, for one of {count} texts"))?;
        let values = embedding.embedding.into_iter();
        *place = Some(
            values
                .map(|value| value.map_or(f32::NAN, |value| value as f32))
                .collect(),
        );
    }
    // As many as there are places, each in another one: all have theirs.
    Ok(numbers.into_iter().flatten().collect())
}

/// What a refusal says: the message of its JSON, or all of it.
pub(super) fn told(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).trim().to_owned();
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return text;
    };
    let message = [
        json.pointer("/error/message"),
        json.get("error"),
        json.get("message"),
    ];
    let message = message.into_iter().flatten().find_map(Value::as_str);
    message.map_or(text, str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{numbers, told};

    #[test]
    fn indices_say_whose_an_embedding_is() {
        let turned = br#"{"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1.5]}]}"#;
        assert_eq!(numbers(turned, 2).unwrap(), [[1.5], [2.0]]);
        let bare = br#"{"data": [{"embedding": [1]}, {"embedding": [2]}], "model": "m"}"#;
        assert_eq!(numbers(bare, 2).unwrap(), [[1.0], [2.0]]);
        for wrong in [
            r#"{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}"#,
            r#"{"data": [{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [2]}]}"#,
        ] {
            assert!(numbers(wrong.as_bytes(), 2).unwrap_err().contains("index"));
        }
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        assert_eq!(
            told(br#"{"error": {"message": "no such model"}}"#),
            "no such model"
        );
        assert_eq!(told(br#"{"error": "no such model"}"#), "no such model");
        assert_eq!(told(b" <h1>no</h1> "), "<h1>no</h1>");
    }
}

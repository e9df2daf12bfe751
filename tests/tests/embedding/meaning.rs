//! The model in this process.

use std::sync::Arc;
use std::time::Duration;

use meanwhile::embedding::files::{FILES, TOKENIZER};
use meanwhile::embedding::{Candle, Embedder, Vector};
use meanwhile::limits::EMBEDDER_IDLE;

use crate::{cosine, model, texts};

async fn embed(embedder: &Candle, of: &[&str]) -> Vec<Vector> {
    let vectors = embedder.embed(texts(of)).await.unwrap();
    assert_eq!(vectors.len(), of.len());
    for vector in &vectors {
        assert_eq!(vector.to_bytes().len(), 388);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-4);
    }
    vectors
}

#[tokio::test]
#[ignore = "needs the model; see tests/setup/model"]
async fn what_means_the_same_is_near() {
    let embedder = Candle::new(&model()).unwrap();
    for (query, near, far) in [
        (
            "bills customers have not paid",
            "Chase pending invoices",
            "Water the plants in the office",
        ),
        (
            "tell me when the price drops",
            "Watch the product page for changes",
            "Write the minutes of the meeting",
        ),
        (
            "book a dentist",
            "Make an appointment for my teeth",
            "Renew the domain example.com",
        ),
        (
            "find people to hire",
            "Research candidates for the open position",
            "Back up the database",
        ),
    ] {
        let vectors = embed(&embedder, &[query, near, far]).await;
        let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
        assert!(near > far + 0.1, "{query}: {near} {far}");
    }
}

#[tokio::test]
#[ignore = "needs the model; see tests/setup/model"]
async fn texts_of_any_length_and_script_have_vectors() {
    let embedder = Candle::new(&model()).unwrap();
    let (long, word) = ("bills to pay ".repeat(2_521), "x".repeat(32 << 10));
    assert!(long.len() > 32 << 10);
    let of = [
        "",
        " ",
        " \t\n\u{a0}\u{3000} ",
        "bills to pay",
        &long,
        &word,
        "未払いの請求書",
        "ausstehende Rechnungen",
        "неоплаченные счета",
        "الفواتير غير المدفوعة",
        "💸💸💸",
        "\u{0}\u{1b}[2J\u{202e}",
        "[CLS] [SEP] [MASK] [PAD]",
        "a\u{301}\u{327}",
        "🇩🇪👩‍👩‍👧‍👦",
    ];
    let together = embed(&embedder, &of).await;
    // Each has the vector that it has alone: the texts it is computed with change nothing.
    for (text, vector) in of.iter().zip(&together) {
        let alone = embed(&embedder, &[text]).await;
        assert!(cosine(vector, &alone[0]) > 0.999, "{text:?}");
    }
    // White space says nothing, and what is beyond the window is left out.
    assert!(cosine(&together[0], &together[2]) > 0.999);
    let longer = format!("{long}. Water the plants");
    assert!(cosine(&together[4], &embed(&embedder, &[&longer]).await[0]) > 0.999);
    // What looks like a token of the model's own is a text like any other.
    let cls = embed(&embedder, &["[CLS]", ""]).await;
    assert!(cosine(&cls[0], &cls[1]) < 0.9);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the model; see tests/setup/model"]
async fn many_at_once_get_their_own() {
    let embedder = Arc::new(Candle::new(&model()).unwrap());
    let of: Vec<String> = (0..40)
        .map(|at| format!("Invoice {at} for customer {}", at * 7))
        .collect();
    let expected = embedder.embed(of.clone()).await.unwrap();
    let asked = of.into_iter().map(|text| {
        let embedder = Arc::clone(&embedder);
        tokio::spawn(async move { embedder.embed(vec![text]).await.unwrap().remove(0) })
    });
    for (asked, expected) in asked.collect::<Vec<_>>().into_iter().zip(expected) {
        assert!(cosine(&asked.await.unwrap(), &expected) > 0.999);
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "needs the model; see tests/setup/model"]
async fn memory_is_given_back_when_it_is_idle() {
    let directory = tempfile::tempdir().unwrap();
    for file in FILES {
        std::os::unix::fs::symlink(file.path(&model()), file.path(directory.path())).unwrap();
    }
    let embedder = Candle::new(directory.path()).unwrap();
    assert!(!embedder.is_loaded().await);
    let first = embed(&embedder, &["pending invoices"]).await;
    let (moment, almost) = (Duration::from_secs(1), EMBEDDER_IDLE - Duration::from_secs(1));
    // Each need counts anew.
    for _ in 0..2 {
        tokio::time::sleep(almost).await;
        assert!(embedder.is_loaded().await);
        embed(&embedder, &["pending invoices"]).await;
    }
    tokio::time::sleep(almost + moment * 2).await;
    assert!(!embedder.is_loaded().await);
    assert_eq!(embed(&embedder, &["pending invoices"]).await, first);
    assert!(embedder.is_loaded().await);
    // The files are looked at anew as well.
    tokio::time::sleep(almost + moment * 2).await;
    assert!(!embedder.is_loaded().await);
    std::fs::remove_file(TOKENIZER.path(directory.path())).unwrap();
    let error = embedder.embed(texts(&["pending invoices"])).await.unwrap_err();
    assert!(
        error.to_string().contains("tokenizer.json: it is missing"),
        "{error}"
    );
}

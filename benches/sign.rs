//! Building and signing one request.
#![allow(missing_docs, reason = "criterion's macros")]

use criterion::{Criterion, criterion_group, criterion_main};
use volc_benches::Signing;

fn sign(criterion: &mut Criterion) {
    for images in [1, 100] {
        let signing = Signing::new(images);
        criterion.bench_function(&format!("sign/{images}"), |bencher| bencher.iter(|| signing.sign()));
    }
}

criterion_group!(benches, sign);
criterion_main!(benches);

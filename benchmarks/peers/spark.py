"""Spark's ALS in local mode: factors without biases, λ times the number of ratings."""

import tempfile
from pathlib import Path


def variants(data_set):
    if data_set in ("25M", "100M"):
        return {}  # minutes, and much memory
    # The small sets: chosen (results/choices.md). The others: as LensKit, which has this penalty.
    small = data_set == "bundled" or data_set.startswith("ml-100k")
    rank = 10 if data_set == "1M" else 20
    return {"Spark ALS": {"rank": rank, "maxIter": 10, "regParam": 0.15 if small else 0.1}}


def _session():
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "6g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )


def _table(rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"user": rows.users, "item": rows.items, "rating": rows.values}
    file = Path(tempfile.mkdtemp()) / "rows.parquet"
    pq.write_table(pa.table(columns | {"row": range(len(rows.users))}), file)
    return _session().read.parquet(str(file))


def prepare(rows, settings):
    table = _table(rows).repartition(4).cache()
    table.count()
    return table, float(rows.values.mean())


def fit(prepared, settings, seed):
    from pyspark.ml.recommendation import ALS

    table, _ = prepared
    als = ALS(userCol="user", itemCol="item", ratingCol="rating", seed=seed, **settings)
    model = als.fit(table)
    model.userFactors.count(), model.itemFactors.count()
    return model


def predict(model, rows, settings):
    answer = model.transform(_table(rows)).select("row", "prediction").toPandas()
    return answer.sort_values("row")["prediction"].to_numpy()

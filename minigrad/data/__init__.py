"""Data that flows: datasets, and a loader that gives them out in batches and can say where it stands."""

from typing import TYPE_CHECKING

from minigrad.data.collating import collate
from minigrad.data.datasets import ArrayDataset, Dataset, MapDataset, Subset, TensorDataset, random_split
from minigrad.data.loader import DataLoader
from minigrad.data.tables import Table, read_csv
from minigrad.support.idioms import missing_from

__all__ = [
    "ArrayDataset", "DataLoader", "Dataset", "MapDataset", "Subset", "Table", "TensorDataset", "collate",
    "random_split", "read_csv",
]

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)

"""Serve names over HTTP, with FastAPI: `MODEL=names.joblib uvicorn app:app --workers 2`."""

import os
from typing import Annotated

import joblib
from fastapi import FastAPI, HTTPException, Query

app = FastAPI()
pipe = joblib.load(os.environ.get("MODEL", "names.joblib"))


@app.get("/names")
def names(
    seed: str = "",
    temperature: float = 0.7,
    n: Annotated[int, Query(ge=1, le=100)] = 5,
    pattern: str | None = None,
) -> list[str]:
    """Return new names."""
    try:
        return pipe[-1].sample(seed, temperature, n, pattern=pattern, novel=True)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error

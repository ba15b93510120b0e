# A checkpoint behind HTTP: docker build -t aligner . && docker run -p 8000:8000
#   -e METAALIGNER_API_KEY=… -v models:/models aligner --model /models/mine
FROM python:3.12-slim

# PyPI's torch for Linux brings CUDA. For a machine without a GPU, a third of the size:
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_INDEX=https://pypi.org/simple
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" 'torch>=2.4'

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY langchain_metaaligner ./langchain_metaaligner
RUN pip install --no-cache-dir '.[serve]' && rm -rf /src

RUN useradd --create-home --uid 1000 metaaligner
USER metaaligner
WORKDIR /home/metaaligner

# One thread a core that the container may use; set it to what `--cpus` gives.
ENV OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=120s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=3)"]

# Other machines come in: without METAALIGNER_API_KEY it says so and ends.
ENTRYPOINT ["metaaligner", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--model", "mini"]

# One image for every part: `tranchain-node` and `tranchain` with their locked dependencies.
# Build and run everything: docker-compose up. The image alone: docker build -t tranchain .
FROM python:3.11-slim-bookworm AS packages
WORKDIR /src
RUN python3 -m venv /opt/tranchain
COPY requirements.lock .
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements.lock

# A wheel in dist/ (made by `make wheel` where Rust is) brings the native engine; without one the package is built here,
# where no Rust is, and the nodes run on py-evm.
FROM packages AS wheel
COPY requirements-build.lock pyproject.toml README.md LICENSE MANIFEST.in dist* /src/
COPY contracts contracts
COPY chain_node chain_node
COPY client client
RUN mkdir /wheel && if ls tranchain-*.whl >/dev/null 2>&1; then cp tranchain-*.whl /wheel; else \
    /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock \
    && /opt/tranchain/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        --wheel-dir /wheel .; fi

FROM python:3.11-slim-bookworm
# The directories that volumes are mounted on belong to the user, so a new named volume does too.
RUN useradd --uid 10001 --create-home tranchain \
    && install -d -m 0700 -o tranchain -g tranchain /consortium /consortium/node /var/lib/tranchain \
    && for name in bank-bureau exchange risk-control; do \
        install -d -m 0700 -o tranchain -g tranchain /consortium/$name /consortium/$name/node; done
COPY --from=packages /opt/tranchain /opt/tranchain
COPY --from=wheel /wheel /wheel
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps /wheel/*.whl
COPY scripts /opt/tranchain/scripts
COPY examples /opt/tranchain/examples
# onnxruntime reports usage to its maker unless it is told not to.
ENV PATH=/opt/tranchain/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1
USER tranchain
# Databases and logs of a role have relative names.
WORKDIR /var/lib/tranchain
CMD ["tranchain-node", "--help"]

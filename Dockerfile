# One image for every part: `tranchain-node` and `tranchain` with their locked dependencies.
# Build and run everything: docker-compose up. The image alone: docker build -t tranchain .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python3 -m venv /opt/tranchain
COPY requirements.lock .
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY chain_node chain_node
COPY client client
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim-bookworm
# The directories that volumes are mounted on belong to the user, so a new named volume does too.
RUN useradd --uid 10001 --create-home tranchain \
    && install -d -m 0700 -o tranchain -g tranchain /consortium /consortium/node /var/lib/tranchain
COPY --from=build /opt/tranchain /opt/tranchain
COPY scripts /opt/tranchain/scripts
COPY examples /opt/tranchain/examples
ENV PATH=/opt/tranchain/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER tranchain
# Databases and logs of a role have relative names.
WORKDIR /var/lib/tranchain
CMD ["tranchain-node", "--help"]

# One image for every part: `tranchain-node` and `tranchain` with their locked dependencies. Build: docker build -t tranchain .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python3 -m venv /opt/tranchain
COPY requirements.lock .
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY chain_node chain_node
COPY client client
RUN /opt/tranchain/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home tranchain && mkdir /data && chown tranchain /data
COPY --from=build /opt/tranchain /opt/tranchain
COPY scripts /opt/tranchain/scripts
COPY examples /opt/tranchain/examples
ENV PATH=/opt/tranchain/bin:$PATH PYTHONUNBUFFERED=1
USER tranchain
WORKDIR /home/tranchain
VOLUME /data
CMD ["tranchain-node", "--help"]

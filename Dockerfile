# The server in a container: not root, no compiler, a read-only root file system. See docs/deploy/container.md.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
# Debian's archive has only one version of each package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bzip2 cmake g++ libssl-dev make ninja-build xz-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY packaging packaging
RUN python packaging/libraries.py /opt/libraries
COPY . .
RUN python -m pip wheel --no-cache-dir --wheel-dir /wheels -C cmake.define.INCM_BUNDLE=/opt/libraries .
RUN python -m venv /opt/incm-webhook \
    && /opt/incm-webhook/bin/pip install --no-cache-dir --no-index --find-links /wheels incm-webhook \
    && /opt/incm-webhook/bin/pip uninstall -y pip

FROM ${PYTHON}
COPY --from=build /opt/incm-webhook /opt/incm-webhook
COPY packaging/container/incm-webhook.toml /etc/incm-webhook/incm-webhook.toml
# A volume that is made from the image belongs to the server's user.
RUN install -d -o 65532 -g 65532 -m 750 /var/lib/incm-webhook
ENV PATH=/opt/incm-webhook/bin:$PATH \
    INCM_WEBHOOK_CONFIG=/etc/incm-webhook/incm-webhook.toml \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /var/lib/incm-webhook
VOLUME /var/lib/incm-webhook
EXPOSE 8080 9465
STOPSIGNAL SIGTERM
# Never through a proxy that http_proxy names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:9465/healthz', timeout=4)"]
ENTRYPOINT ["incm-webhook"]
# The supervisor is process 1: it reaps orphans, passes signals on, and keeps the port open.
CMD ["serve", "--supervise"]

# A server that needs only a folder of models: see docs/how-to/deploy.md.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/tastemap \
 && /opt/tastemap/bin/pip install --no-cache-dir ".[serve,postgresql,engine]"

FROM python:3.12-slim
COPY --from=build /opt/tastemap /opt/tastemap
# Not root, with a number that a cluster can check. The folder belongs to it, so that a new volume
# mounted there does too.
RUN useradd --uid 10001 --create-home tastemap && install -d -o tastemap -m 700 /models
USER 10001
ENV PATH=/opt/tastemap/bin:$PATH PYTHONUNBUFFERED=1
VOLUME /models
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
# Listens to all addresses of its container, so that it does not start without a key:
# docker run --rm -v models:/models tastemap keys add --file /models/keys.json --name me
ENTRYPOINT ["tastemap"]
CMD ["serve", "/models/live", "--host", "0.0.0.0"]

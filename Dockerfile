# docker build --tag mad-auditor .
# docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/dataset:/data:ro" -v "$PWD/audit:/out" mad-auditor scan /data --out /out
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY auditor auditor
COPY detectors detectors
COPY reports reports
RUN pip install --no-cache-dir --prefix=/installed .

FROM python:3.11-slim-bookworm
COPY --from=build /installed /usr/local
# Any user can write there: the container often runs as the user who owns the dataset.
RUN install --directory --mode=1777 /data /out
ENV HOME=/tmp
USER 65534:65534
WORKDIR /out
VOLUME ["/data", "/out"]
ENTRYPOINT ["auditor"]
CMD ["--help"]

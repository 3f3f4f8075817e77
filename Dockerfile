# The program is built with Rust and Node (for the scripts and styles of its pages), and runs alone.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /visavis
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --no-create-home --uid 10001 visavis \
 && install --directory --owner visavis --group visavis /data
COPY --from=build /visavis/target/release/visavis /usr/local/bin/visavis
USER visavis
WORKDIR /data
VOLUME /data
EXPOSE 5000
ENV VISAVIS_LISTEN=0.0.0.0:5000
# The program asks itself for the login page: the image has no other HTTP client.
HEALTHCHECK --interval=30s --timeout=5s CMD ["visavis", "health"]
ENTRYPOINT ["visavis"]

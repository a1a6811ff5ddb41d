# Two stages: everything is built in the first, the second has what runs.
# GO_IMAGE is any Debian 12 with Go ≥ 1.25; BASE is plain Debian 12.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY .ci .ci
RUN apt-get update -q && .ci/deps
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build

FROM ${BASE}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates tzdata curl \
      libavcodec59 libavformat59 libavutil57 libavdevice59 libavfilter8 libswscale6 libswresample4 libpostproc56 \
      libopencv-contrib406 libopencv-calib3d406 libopencv-core406 libopencv-dnn406 libopencv-features2d406 libopencv-flann406 \
      libopencv-highgui406 libopencv-imgcodecs406 libopencv-imgproc406 libopencv-ml406 libopencv-objdetect406 libopencv-photo406 \
      libopencv-shape406 libopencv-stitching406 libopencv-superres406 libopencv-video406 libopencv-videoio406 libopencv-videostab406 libopencv-viz406 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/watchpost --create-home --shell /usr/sbin/nologin watchpost
COPY --from=build /src/bin/watchpost /usr/local/bin/watchpost
COPY --from=build /src/.cache/models /usr/share/watchpost/models
COPY --from=build /src/configs/station.yaml /etc/watchpost/station.yaml
ENV MODELS_DIR=/usr/share/watchpost/models
USER watchpost
VOLUME /var/lib/watchpost
# wall, pillars, live pictures
EXPOSE 8080 1883 8189/udp 8189/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["curl", "--fail", "--silent", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["watchpost"]
CMD ["run", "-config", "/etc/watchpost/station.yaml"]

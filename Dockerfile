# Two stages: everything is built in the first, the second has what runs.
# GO_IMAGE is any Debian 12 with Go ≥ 1.25; BASE is plain Debian 12.
#   make docker
#   docker run -v ./station.yaml:/etc/watchpost/station.yaml:ro -v watchpost:/var/lib/watchpost \
#     -p 8443:8443 -p 8080:8080 -p 8883:8883 -p 1883:1883 -p 8189:8189/udp -p 8189:8189 watchpost
# The wall is on 8443; 8080 sends browsers there and has the box's CA (/ca.crt).
# The first start's log has the link that makes the first administrator; set
# http.public_url to the address by which browsers reach the container.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY .ci .ci
RUN .ci/deps build && .ci/models
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=development
RUN make build DEPS=build VERSION="${VERSION}"

FROM ${BASE}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates curl tzdata \
      libavcodec59 libavdevice59 libavfilter8 libavformat59 libavutil57 libswscale6 \
      libopencv-calib3d406 libopencv-core406 libopencv-dnn406 libopencv-features2d406 libopencv-highgui406 \
      libopencv-imgcodecs406 libopencv-imgproc406 libopencv-objdetect406 libopencv-photo406 libopencv-video406 libopencv-videoio406 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/watchpost --shell /usr/sbin/nologin watchpost \
 && install -d -o watchpost -g watchpost -m 750 /var/lib/watchpost
COPY --from=build /src/bin/watchpost /usr/local/bin/watchpost
COPY --from=build /src/.cache/models /usr/share/watchpost/models
COPY --from=build /src/configs/station.yaml /etc/watchpost/station.yaml
ENV MODELS_DIR=/usr/share/watchpost/models
USER watchpost
VOLUME /var/lib/watchpost
# wall, pillars, live pictures, drones
EXPOSE 8443 8080 8883 1883 8189/udp 8189/tcp 14550/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["watchpost"]
CMD ["run", "-config", "/etc/watchpost/station.yaml"]

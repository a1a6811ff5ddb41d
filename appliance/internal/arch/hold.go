//go:build hold

package arch

import (
	_ "github.com/abema/go-mp4"
	_ "github.com/alexedwards/argon2id"
	_ "github.com/asticode/go-astiav"
	_ "github.com/bluenviron/gomavlib/v3"
	_ "github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	_ "github.com/bluenviron/gortsplib/v4"
	_ "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	_ "github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/dgraph-io/badger/v4"
	_ "github.com/eclipse/paho.mqtt.golang"
	_ "github.com/gofiber/fiber/v2"
	_ "github.com/gofiber/fiber/v2/middleware/adaptor"
	_ "github.com/gowebpki/jcs"
	_ "github.com/mochi-mqtt/server/v2"
	_ "github.com/oklog/ulid/v2"
	_ "github.com/pion/interceptor"
	_ "github.com/pion/webrtc/v4"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/stretchr/testify/require"
	_ "github.com/tus/tusd/v2/pkg/filestore"
	_ "github.com/tus/tusd/v2/pkg/handler"
	_ "github.com/yalue/onnxruntime_go"
	_ "go.yaml.in/yaml/v3"
	_ "gocv.io/x/gocv"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/time/rate"
)

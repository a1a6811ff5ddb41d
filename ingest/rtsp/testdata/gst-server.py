#!/usr/bin/python3
"""GStreamer's RTSP server with one stream, for the tests beside it.

usage: gst-server.py PIPELINE [basic|digest] [--tls PEM] [--avpf]
Prints its port once it listens; ends with its standard input.
"""
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer

Gst.init(None)
args = sys.argv[2:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")

factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( " + sys.argv[1] + " )")
if "--avpf" in args:
    factory.set_profiles(GstRtsp.RTSPProfile.AVPF | GstRtsp.RTSPProfile.AVP)
    factory.set_shared(True)

auth = GstRtspServer.RTSPAuth()
if "basic" in args or "digest" in args:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if "basic" in args:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("viewer", "right"), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest("viewer", "right", token)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    server.set_auth(auth)
if "--tls" in args:
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(args[args.index("--tls") + 1]))
    server.set_auth(auth)

server.get_mount_points().add_factory("/main", factory)
loop = GLib.MainLoop()
if server.attach(None) == 0:
    sys.exit("cannot listen")
print(server.get_bound_port(), flush=True)


def until_end():
    sys.stdin.read()
    loop.quit()


threading.Thread(target=until_end, daemon=True).start()
loop.run()

#!/usr/bin/python3
"""A network camera: serves a moving test pattern over RTSP, in H.264.

Prints its URL as soon as it listens, and then, for each who wants the stream, a
line with how the pictures are sent: tcp or udp.

Needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi (run it with
/usr/bin/python3).
"""
import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# A key frame every second: whoever connects sees nothing before the first.
PIPELINE = """( videotestsrc is-live=true pattern=ball
! video/x-raw,width={width},height={height},framerate={fps}/1
! openh264enc gop-size={fps} ! rtph264pay name=pay0 pt=96 config-interval=-1 )"""


def only(server, factory, user, password):
    """Lets nobody in but that user."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(user)
    permissions.add_permission_for_role(user, "media.factory.access", True)
    permissions.add_permission_for_role(user, "media.factory.construct", True)
    factory.set_permissions(permissions)


def connected(_server, client):
    def prepared(_client, context):
        lower = context.trans.get_transport().lower_transport
        print("tcp" if lower == GstRtsp.RTSPLowerTrans.TCP else "udp", flush=True)

    client.connect("setup-request", prepared)


def main():
    flags = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    flags.add_argument("--address", default="127.0.0.1", help="what it listens on")
    flags.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    flags.add_argument("--size", default="320x240")
    flags.add_argument("--fps", type=int, default=10)
    flags.add_argument("--transport", choices=["tcp", "udp", "any"], default="any", help="what it can send pictures over")
    flags.add_argument("--user")
    flags.add_argument("--password")
    args = flags.parse_args()

    Gst.init(None)
    width, height = args.size.split("x")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(width=width, height=height, fps=args.fps))
    factory.set_shared(True)
    lower = GstRtsp.RTSPLowerTrans
    factory.set_protocols({"tcp": lower.TCP, "udp": lower.UDP, "any": lower.TCP | lower.UDP}[args.transport])

    server = GstRtspServer.RTSPServer()
    server.set_address(args.address)
    server.set_service(str(args.port))
    if args.user:
        only(server, factory, args.user, args.password)
    server.get_mount_points().add_factory("/stream", factory)
    server.connect("client-connected", connected)
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        raise SystemExit(f"cannot listen on port {args.port}")
    print(f"rtsp://{args.address}:{server.get_bound_port()}/stream", flush=True)
    loop.run()


if __name__ == "__main__":
    main()

# hostd as an image. Any Python 3.11+ on Debian will do as the base, a company's own mirror of one included.
ARG BASE_IMAGE=python:3.12-slim-bookworm


# The locked dependencies. A stage of its own: what the build arguments held stays out of the image's history.
FROM ${BASE_IMAGE} AS build

# For people behind a company mirror; pip passes over the empty ones. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are
# build arguments that Docker knows by itself.
ARG PIP_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_TRUSTED_HOST=

COPY requirements.txt /tmp/requirements.txt
# The base's pip fills the venv, so the venv carries none of its own. pip compiles the bytecode.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement /tmp/requirements.txt

# .dockerignore lets through only what runs.
COPY . /opt/hostd
# The entry. As root with the capabilities that compose gives (bits 0xeb of CapEff: CHOWN, DAC_OVERRIDE, FOWNER, KILL,
# SETGID, SETUID; linux/capability.h) hostd stays root, so that every app has a Unix user of its own.
# A root that lacks some, or with STREAMLIT_HOST_UID_MIN=0, gives the data folder to hostd (or to its owner, who then
# keeps access from outside) and drops root for good before anything of ours runs: all apps are one user then. Where
# root can't even do that (bits 0xc1), or as another user (docker run --user), it changes nothing.
# Which ones root lacks is told to hostd, and by hostd.
# The output goes over as well: supervisord opens it by name, for hostd's lines.
# The deepest files go first, so that an interrupted change is seen and finished by the next start.
# The console reads its code as a user of its own, whatever umask the checkout was made with.
RUN chmod -R a+rX /opt/hostd \
    && /opt/venv/bin/python -m compileall -q /opt/hostd/hostd /opt/hostd/console \
    && printf '%s\n' \
        '#!/bin/sh' \
        'set -eu' \
        'data="${STREAMLIT_HOST_DATA:-/data}"' \
        'caps=$((0x$(sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status)))' \
        'has() { [ $((caps & $1)) = $(($1)) ]; }' \
        'if [ "$(id -u)" = 0 ] && has 0xc1 && { [ "${STREAMLIT_HOST_UID_MIN:-}" = 0 ] || ! has 0xeb; }; then' \
        '    mkdir -p "$data"' \
        '    owner=$(stat -c %u:%g "$data")' \
        '    case "$owner" in 0:*) owner=$(id -u hostd):$(id -g hostd) ;; esac' \
        '    if [ -n "$(find "$data" -maxdepth 2 ! -uid "${owner%:*}" -print -quit)" ]; then' \
        '        find "$data" -xdev -depth ! -uid "${owner%:*}" -exec chown -h "$owner" {} +' \
        '    fi' \
        '    lacks=' \
        '    for one in CHOWN:0x1 DAC_OVERRIDE:0x2 FOWNER:0x8 KILL:0x20 SETGID:0x40 SETUID:0x80; do' \
        '        [ "${STREAMLIT_HOST_UID_MIN:-}" = 0 ] || has "${one#*:}" || lacks="$lacks${lacks:+,}${one%:*}"' \
        '    done' \
        '    export HOSTD_ROOT_LACKS="$lacks"' \
        '    chown "$owner" /proc/self/fd/1 /proc/self/fd/2' \
        '    exec setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups --no-new-privs "$@"' \
        'fi' \
        'exec "$@"' \
        > /opt/hostd/entry \
    && chmod 755 /opt/hostd/entry


FROM ${BASE_IMAGE}

# For apps from Git repositories. WITH_GIT=0 leaves it out, where an image's build reaches no Debian mirror.
ARG WITH_GIT=1
RUN if [ "$WITH_GIT" = 1 ]; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends git openssh-client \
        && rm -rf /var/lib/apt/lists/*; \
    fi

RUN groupadd --gid 10001 hostd \
    && useradd --uid 10001 --gid hostd --no-create-home --home-dir /data --shell /usr/sbin/nologin hostd \
    && install -d -o hostd -g hostd -m 750 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/hostd /opt/hostd

ENV PATH=/opt/venv/bin:$PATH \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    STREAMLIT_HOST_BIND=0.0.0.0 \
    STREAMLIT_HOST_DATA=/data \
    STREAMLIT_HOST_PORT=8080
WORKDIR /opt/hostd
VOLUME /data
EXPOSE 8080

# Any answer below 500 is a sign of life: with an admin token set, /api/health answers 401 to strangers.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ['STREAMLIT_HOST_PORT']), timeout=4); c.request('GET', '/api/health'); raise SystemExit(c.getresponse().status >= 500)"]

ENTRYPOINT ["/opt/hostd/entry"]
CMD ["python", "-m", "hostd"]

"""The one port: requests for apps and console go to their processes byte for byte, the rest to uvicorn."""

from hostd.gateway.options import GatewayOptions
from hostd.gateway.protocol import GatewayProtocol, protocol_class
from hostd.gateway.shared import Gateway

__all__ = ["Gateway", "GatewayOptions", "GatewayProtocol", "protocol_class"]

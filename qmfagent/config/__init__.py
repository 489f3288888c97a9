"""The agent's configuration: one module a section of the file, config.py puts them together."""

from qmfagent.config.broker import BrokerConfig
from qmfagent.config.config import Config, read_config
from qmfagent.config.listen import Listen
from qmfagent.config.peers import Peer
from qmfagent.config.replication import Replication
from qmfagent.config.site import check_site_name

__all__ = ["BrokerConfig", "Config", "Listen", "Peer", "Replication", "check_site_name", "read_config"]

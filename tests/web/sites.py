"""The CIBs of the two sites that the web console is tested on: `sitea` holds T and has not granted U, `siteb` has its own.

T has a web server with its address and file system, U a database; siteb has a node and status of its own.
"""

from __future__ import annotations

SOURCE = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes><node id="1" uname="sitea-node1"/><node id="2" uname="sitea-node2"/></nodes>
<resources>
  <group id="shop">
    <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
      <instance_attributes id="vip-ia"><nvpair id="vip-ip" name="ip" value="10.1.0.10"/></instance_attributes></primitive>
    <primitive id="web" class="ocf" provider="heartbeat" type="apache">
      <instance_attributes id="web-ia"><nvpair id="web-config" name="configfile" value="/etc/shop.conf"/></instance_attributes>
    </primitive>
  </group>
  <primitive id="db" class="ocf" provider="heartbeat" type="pgsql"/>
  <primitive id="local-a" class="ocf" provider="pacemaker" type="Dummy"/>
</resources>
<constraints>
  <rsc_ticket id="ticket-shop" rsc="shop" ticket="T" loss-policy="stop"/>
  <rsc_ticket id="ticket-db" rsc="db" ticket="U" loss-policy="stop"/>
</constraints>
</configuration><status><tickets>
  <ticket_state id="T" granted="true" last-granted="1700000000"/>
  <ticket_state id="U" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0"><configuration>
<crm_config/><nodes><node id="1" uname="siteb-node1"/></nodes>
<resources><primitive id="local-b" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints/>
</configuration><status/></cib>
"""
